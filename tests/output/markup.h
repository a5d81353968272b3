// A small checker of HTML: every element closed, in order.
#pragma once

#include <cctype>
#include <set>
#include <string>
#include <vector>

namespace vpunas {

// "" where tags balance, else what is wrong. Attribute values must be quoted and hold no "<".
inline std::string markup_fault(const std::string& html) {
  static const std::set<std::string> kVoid = {"meta", "br", "link", "img", "hr"};
  std::vector<std::string> open;
  for (size_t at = 0; (at = html.find('<', at)) != std::string::npos;) {
    if (html.compare(at, 2, "<!") == 0) {
      at = html.find('>', at);
      continue;
    }
    const size_t end = html.find('>', at);
    if (end == std::string::npos) return "a tag without an end";
    const std::string tag = html.substr(at + 1, end - at - 1);
    if (tag.find('<') != std::string::npos) return "a tag inside a tag: " + tag;
    size_t quotes = 0;
    for (const char c : tag) quotes += c == '"' ? 1 : 0;
    if (quotes % 2 != 0) return "an open quote: " + tag;
    const bool closing = tag.starts_with("/");
    std::string name;
    for (size_t i = closing ? 1 : 0;
         i < tag.size() && std::isalnum(static_cast<unsigned char>(tag[i])); ++i)
      name += tag[i];
    if (name.empty()) return "no tag: <" + tag.substr(0, 40);
    if (closing) {
      if (open.empty() || open.back() != name)
        return "</" + name + "> closes " + (open.empty() ? "nothing" : open.back());
      open.pop_back();
    } else if (!tag.ends_with("/") && !kVoid.contains(name)) {
      open.push_back(name);
    }
    at = end + 1;
    if (!closing && (name == "style" || name == "script"))
      at = html.find("</" + name, at);  // raw text
  }
  return open.empty() ? "" : "<" + open.back() + "> is never closed";
}

// The page without its script, which is no markup.
inline std::string without_scripts(const std::string& html) {
  return html.substr(0, html.rfind("<script>"));
}

}  // namespace vpunas
