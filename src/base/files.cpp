#include "base/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <set>
#include <vector>

#include "base/descriptor.h"
#include "base/error.h"
#include "base/text.h"

namespace vpunas {
namespace {

const char* advice(int error) {
  switch (error) {
    case ENOENT:
      return "check the path";
    case EACCES:
    case EPERM:
      return "check the permissions of the file and its folder";
    case EROFS:
      return "choose a folder that can be written to";
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return "free some space or choose another folder";
    case EISDIR:
      return "a folder stands where a file is needed; choose another path";
    case ENOTDIR:
    case EEXIST:
      return "a file stands where a folder is needed; choose another path";
    case ENAMETOOLONG:
      return "choose a shorter path";
    case EMFILE:
    case ENFILE:
      return "too many files are open; raise the limit with ulimit -n";
    default:
      return "check the path and the disk";
  }
}

[[noreturn]] void fail_io(const fs::path& path, const char* action, int error) {
  fail(path.string(), ": cannot ", action, ": ", std::strerror(error), "; ", advice(error));
}

// `name` is the file in the error.
Descriptor open_file(const fs::path& path, int flags, const fs::path& name, const char* action) {
  Descriptor file(open(path.c_str(), flags | O_CLOEXEC, 0666));
  if (file < 0) fail_io(name, action, errno);
  return file;
}

void write_all(int fd, std::string_view bytes, const fs::path& name) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_io(name, "write", errno);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

void create_parents(const fs::path& path) {
  std::error_code error;
  if (path.has_parent_path()) fs::create_directories(path.parent_path(), error);
  if (error) fail_io(path.parent_path(), "create the folder", error.value());
}

// A name beside `path` that no other thread or process takes.
fs::path name_beside(const fs::path& path) {
  static std::atomic<unsigned> count = 0;
  return path.parent_path() /
         cat(".", path.filename().string(), ".", getpid(), ".", count++, ".tmp");
}

// Line and column, from 1, of the byte at `offset`.
std::string place_of(std::string_view text, size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const size_t line_begin = before.rfind('\n') + 1;  // npos + 1 is 0
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  return cat(line, ":", before.size() - line_begin + 1);
}

// nlohmann's text without its "[json.exception...] parse error at line 1, column 2: ".
std::string reason_of(const nlohmann::json::exception& error) {
  std::string_view what = error.what();
  what.remove_prefix(std::min(what.size(), what.find("] ") + 2));
  if (what.starts_with("parse error"))
    what.remove_prefix(std::min(what.size(), what.find(": ") + 2));
  return excerpt(what, 200);
}

// Refuses nesting that could overflow a stack later, members given twice, and objects whose linear
// look-up would be slow.
class JsonGuard {
 public:
  explicit JsonGuard(std::string where) : where_(std::move(where)) {}

  bool operator()(int depth, Json::parse_event_t event, const Json& parsed) {
    using Event = Json::parse_event_t;
    constexpr int deepest = 100;
    constexpr size_t most_members = 10000;
    if (depth > deepest)
      fail(where_, ": is nested deeper than ", deepest, " levels; it is no file of vpunas");
    if (event == Event::object_start) keys_.emplace_back();
    if (event == Event::object_end) keys_.pop_back();
    if (event == Event::key) {
      const auto& name = parsed.get_ref<const std::string&>();
      if (!keys_.back().insert(name).second) {
        fail(where_, ": has the member \"", excerpt(name), "\" twice; remove one of them");
      }
      if (keys_.back().size() > most_members) {
        fail(where_, ": has an object of more than ", most_members,
             " members; it is no file of vpunas");
      }
    }
    return true;
  }

 private:
  std::string where_;
  std::vector<std::set<std::string>> keys_;  // of the objects that are open
};

void require_finite(const Json& json, const std::string& place, const fs::path& path) {
  if (json.is_number_float() && !std::isfinite(json.get<double>())) {
    fail(path.string(), ": cannot be written: ", place,
         " is not a finite number; the computation before it diverged");
  }
  if (!json.is_structured()) return;
  for (const auto& [key, value] : json.items()) require_finite(value, cat(place, "/", key), path);
}

}  // namespace

std::string read_file(const fs::path& path) {
  // Without O_NONBLOCK opening a pipe that nobody writes to would hang.
  const Descriptor file = open_file(path, O_RDONLY | O_NONBLOCK, path, "read");
  struct stat status{};
  if (fstat(file, &status) != 0) fail_io(path, "read", errno);
  if (S_ISDIR(status.st_mode)) fail_io(path, "read", EISDIR);
  if (!S_ISREG(status.st_mode)) fail(path.string(), ": cannot read: not a regular file; name one");
  try {
    std::string bytes(static_cast<size_t>(status.st_size), '\0');
    size_t used = 0;
    while (true) {
      // The files of /proc have content and no size, others grow.
      if (used == bytes.size()) bytes.resize(used + 4096);
      const ssize_t got = read(file, bytes.data() + used, bytes.size() - used);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail_io(path, "read", errno);
      if (got == 0) break;
      used += static_cast<size_t>(got);
    }
    bytes.resize(used);
    return bytes;
  } catch (const std::bad_alloc&) {
    fail_io(path, "read", ENOMEM);
  } catch (const std::length_error&) {
    fail_io(path, "read", ENOMEM);
  }
}

void write_file(const fs::path& path, std::string_view bytes) {
  create_parents(path);
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  if (fs::is_directory(status)) fail_io(path, "write", EISDIR);
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    // A device or pipe (/dev/stdout) must not be replaced by a file.
    write_all(open_file(path, O_WRONLY, path, "write"), bytes, path);
    return;
  }
  const fs::path beside = name_beside(path);
  try {
    const Descriptor file = open_file(beside, O_WRONLY | O_CREAT | O_EXCL, path, "write");
    write_all(file, bytes, path);
    if (fsync(file) != 0) fail_io(path, "write", errno);
    if (rename(beside.c_str(), path.c_str()) != 0) fail_io(path, "write", errno);
  } catch (...) {
    fs::remove(beside, ignored);
    throw;
  }
}

fs::path find_preset(const std::string& what, const std::string& name_or_path,
                     const fs::path& folder, const std::string& extension) {
  const fs::path preset = folder / (name_or_path + extension);
  std::error_code none;
  if (!fs::path(name_or_path).has_parent_path() && fs::is_regular_file(preset, none)) return preset;
  if (fs::is_regular_file(name_or_path, none)) return name_or_path;
  std::vector<std::string> names;
  if (fs::is_directory(folder, none))
    for (const auto& entry : fs::directory_iterator(folder))
      if (entry.path().extension() == extension) names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  fail(what, " ", name_or_path, " is neither a file nor a preset",
       did_you_mean(name_or_path, names), "; presets are ", join(names));
}

void append_line(const fs::path& path, std::string_view line) {
  create_parents(path);
  const Descriptor file = open_file(path, O_RDWR | O_CREAT | O_APPEND, path, "append");
  // A line that a kill or a full disk cut off must not swallow this one.
  const off_t size = lseek(file, 0, SEEK_END);
  char last = '\n';
  if (size > 0 && pread(file, &last, 1, size - 1) != 1) fail_io(path, "append", errno);
  write_all(file, cat(last == '\n' ? "" : "\n", line, "\n"), path);
}

Json read_json(const fs::path& path, std::string_view schema) {
  const std::string only(schema);
  return read_json(path, std::span(&only, 1));
}

Json read_json(const fs::path& path, std::span<const std::string> schemas) {
  const std::string text = read_file(path);
  const std::string where = path.string();
  Json json = detail::parse_json(text, where);
  const auto found = json.is_object() ? json.find("schema") : json.end();
  const bool ours = json.is_object() && found != json.end() && found->is_string() &&
                    found->get_ref<const std::string&>().starts_with("vpunas.");
  const std::string expected = join(schemas, " or ");
  if (!ours)
    fail(where, ": not a vpunas file: its \"schema\" should be ", expected, "; check the path");
  const auto& is = found->get_ref<const std::string&>();
  if (std::find(schemas.begin(), schemas.end(), is) == schemas.end()) {
    fail(where, ": is ", excerpt(is), ", this program reads ", expected,
         "; check the path, or make the file again with this version");
  }
  return json;
}

void write_json(const fs::path& path, std::string_view schema, const Json& json) {
  Json whole = {{"schema", schema}};
  whole.update(json);
  whole["schema"] = schema;
  require_finite(whole, "", path);
  write_file(path, whole.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
}

std::string content_hash(std::string_view bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  std::string digits(16, '0');
  for (int i = 15; i >= 0; --i, hash >>= 4)
    digits[static_cast<size_t>(i)] = "0123456789abcdef"[hash & 15];
  return digits;
}

fs::path program_folder() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (error) fail_io("/proc/self/exe", "read", error.value());
  return program.parent_path();
}

fs::path data_folder() {
  std::error_code ignored;
  const char* chosen = std::getenv("VPUNAS_DATA");
  if (chosen && *chosen) {
    if (!fs::is_directory(chosen, ignored)) {
      fail("VPUNAS_DATA is ", chosen,
           ", which is no folder; set it to the project's data folder or unset it");
    }
    return chosen;
  }
  const fs::path installed = program_folder() / ".." / "share" / "vpunas";
  const fs::path source = source_folder() / "data";
  for (const fs::path& folder : {installed, source}) {
    if (fs::is_directory(folder, ignored)) return folder.lexically_normal();
  }
  fail("the data folder (networks, spaces, constants) is neither ",
       installed.lexically_normal().string(), " nor ", source.string(), "; set VPUNAS_DATA to it");
}

fs::path source_folder() { return VPUNAS_SOURCE_FOLDER; }

std::string version() { return VPUNAS_VERSION; }

TemporaryFolder::TemporaryFolder() {
  std::error_code error;
  const fs::path parent = fs::temp_directory_path(error);
  if (error) fail("no folder for temporary files: ", error.message(), "; set TMPDIR to one");
  std::string name = (parent / "vpunas-XXXXXX").string();
  if (!mkdtemp(name.data())) fail_io(parent, "create a temporary folder in it", errno);
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

namespace detail {

Json parse_json(std::string_view text, const std::string& where) {
  try {
    return Json::parse(text, JsonGuard(where));
  } catch (const nlohmann::json::parse_error& error) {
    fail(where, ":", place_of(text, error.byte > 0 ? error.byte - 1 : 0),
         ": not JSON: ", reason_of(error));
  } catch (const nlohmann::json::exception& error) {
    fail(where, ": not JSON: ", reason_of(error));
  }
}

void fail_json(const std::string& where, const char* key, const std::string& problem) {
  fail(where, ": \"", key, "\" ", problem);
}

}  // namespace detail
}  // namespace vpunas
