#include "base/files.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <limits>
#include <thread>

#include "base/error.h"
#include "tests/base/support.h"

#ifdef __has_feature  // clang says by it what GCC says by __SANITIZE_ADDRESS__
#define VPUNAS_HAS_FEATURE(feature) __has_feature(feature)
#else
#define VPUNAS_HAS_FEATURE(feature) 0
#endif

namespace vpunas {
namespace {

size_t entries_in(const fs::path& folder) {
  return static_cast<size_t>(std::distance(fs::directory_iterator(folder), {}));
}

class FilesTest : public testing::Test {
 protected:
  TemporaryFolder folder_;
  fs::path file_ = folder_.path() / "a.json";

  std::string error_reading(const std::string& text) {
    write_file(file_, text);
    return error_of([&] { read_json(file_, "vpunas.test/1"); });
  }
};

// Files of this process cannot grow past `bytes` while it lives: a full disk.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) : handler_(signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit = {bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() {
    setrlimit(RLIMIT_FSIZE, &before_);
    signal(SIGXFSZ, handler_);
  }

 private:
  sighandler_t handler_;
  rlimit before_{};
};

TEST_F(FilesTest, ReadsWhatWasWritten) {
  const std::string bytes("a\0b\n\xff", 5);
  write_file(file_, bytes);
  EXPECT_EQ(read_file(file_), bytes);
  write_file(file_, "");
  EXPECT_EQ(read_file(file_), "");
}

TEST_F(FilesTest, WritingCreatesParentsAndLeavesNothingElse) {
  const fs::path deep = folder_.path() / "x" / "y" / "z.txt";
  write_file(deep, "1");
  write_file(deep, "2");
  EXPECT_EQ(read_file(deep), "2");
  EXPECT_EQ(entries_in(deep.parent_path()), 1u);
}

TEST_F(FilesTest, WritesNamesWithoutAFolder) {
  const fs::path here = fs::current_path();
  fs::current_path(folder_.path());
  write_file("plain.txt", "1");
  fs::current_path(here);
  EXPECT_EQ(read_file(folder_.path() / "plain.txt"), "1");
}

TEST_F(FilesTest, ReadsFilesOfProcThatHaveNoSize) {
  EXPECT_FALSE(read_file("/proc/self/status").empty());
}

TEST_F(FilesTest, ReadingNamesPathReasonAndAdvice) {
  const std::string missing = error_of([&] { read_file(file_); });
  EXPECT_CONTAINS(missing, file_.string());
  EXPECT_CONTAINS(missing, "No such file");
  EXPECT_CONTAINS(missing, "check the path");
  EXPECT_CONTAINS(error_of([&] { read_file(folder_.path()); }), "Is a directory");
  EXPECT_CONTAINS(error_of([&] { read_file(file_ / "below"); }), "cannot read");
}

TEST_F(FilesTest, ReadingRefusesDevicesAndPipesInsteadOfHanging) {
  EXPECT_CONTAINS(error_of([] { read_file("/dev/zero"); }), "not a regular file");
  const fs::path pipe = folder_.path() / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_CONTAINS(error_of([&] { read_file(pipe); }), "not a regular file");
}

TEST_F(FilesTest, AFileLargerThanMemoryIsAnError) {
  write_file(file_, "");
  std::error_code error;
  fs::resize_file(file_, uintmax_t{1} << 43, error);
  if (error) GTEST_SKIP() << "no sparse files of this size here";
#if defined(__SANITIZE_ADDRESS__) || VPUNAS_HAS_FEATURE(address_sanitizer)
  GTEST_SKIP() << "the sanitizer ends the program instead of throwing bad_alloc";
#endif
  const rlimit before = [] {
    rlimit limit{};
    getrlimit(RLIMIT_AS, &limit);
    return limit;
  }();
  const rlimit small = {rlim_t{1} << 34, before.rlim_max};
  setrlimit(RLIMIT_AS, &small);
  const std::string message = error_of([&] { read_file(file_); });
  setrlimit(RLIMIT_AS, &before);
  EXPECT_CONTAINS(message, "Cannot allocate memory");
}

TEST_F(FilesTest, WritingToAFolderOrBelowAFileFails) {
  EXPECT_CONTAINS(error_of([&] { write_file(folder_.path(), "1"); }), "Is a directory");
  write_file(file_, "1");
  EXPECT_CONTAINS(error_of([&] { write_file(file_ / "below.txt", "2"); }),
                  "a file stands where a folder is needed");
  EXPECT_CONTAINS(error_of([&] { append_line(file_ / "below.txt", "2"); }), "a file stands where");
  EXPECT_EQ(read_file(file_), "1");
  EXPECT_EQ(entries_in(folder_.path()), 1u);
}

TEST_F(FilesTest, WritingWhereNothingCanBeCreatedFails) {
  // Even root cannot create files in /proc.
  EXPECT_CONTAINS(error_of([] { write_file("/proc/vpunas.txt", "1"); }),
                  "/proc/vpunas.txt: cannot write");
}

TEST_F(FilesTest, WritingToAReadOnlyFolderFails) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write anywhere";
  fs::permissions(folder_.path(), fs::perms::owner_read | fs::perms::owner_exec);
  const std::string message = error_of([&] { write_file(file_, "1"); });
  fs::permissions(folder_.path(), fs::perms::owner_all);
  EXPECT_CONTAINS(message, "Permission denied");
  EXPECT_CONTAINS(message, "check the permissions");
}

TEST_F(FilesTest, AFullDiskLeavesTheOldFileAndNoPart) {
  write_file(file_, "old");
  const std::string message = [&] {
    const FullDisk full(4096);
    return error_of([&] { write_file(file_, std::string(10000, 'x')); });
  }();
  EXPECT_CONTAINS(message, file_.string());
  EXPECT_CONTAINS(message, "free some space");
  EXPECT_EQ(read_file(file_), "old");
  EXPECT_EQ(entries_in(folder_.path()), 1u);
}

TEST_F(FilesTest, DevicesAreWrittenToAndNotReplaced) {
  EXPECT_CONTAINS(error_of([] { write_file("/dev/full", "1"); }), "No space left");
  EXPECT_CONTAINS(error_of([] { append_line("/dev/full", "1"); }), "No space left");
  write_file("/dev/null", "1");
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST_F(FilesTest, ReadersAndWritersAtOnceOnlySeeWholeFiles) {
  const std::string a(100'000, 'a'), b(50'000, 'b');
  write_file(file_, a);
  std::jthread writer([&] {
    for (int i = 0; i < 30; ++i) write_file(file_, a);
  });
  std::jthread other([&] {
    for (int i = 0; i < 30; ++i) write_file(file_, b);
  });
  for (int i = 0; i < 100; ++i) {
    const std::string seen = read_file(file_);
    ASSERT_TRUE(seen == a || seen == b);
  }
}

TEST_F(FilesTest, AppendsLinesAfterOnesThatWereCutOff) {
  append_line(file_, "1");
  append_line(file_, "2");
  EXPECT_EQ(read_file(file_), "1\n2\n");
  write_file(file_, "1\n{\"cut");
  append_line(file_, "3");
  EXPECT_EQ(read_file(file_), "1\n{\"cut\n3\n");
}

TEST_F(FilesTest, JsonKeepsOrderAndNumbers) {
  write_json(file_, "vpunas.test/1", {{"z", 0.1}, {"a", {1, 2, 3}}, {"schema", "other"}});
  const Json json = read_json(file_, "vpunas.test/1");
  EXPECT_EQ(json.dump(), R"({"schema":"vpunas.test/1","z":0.1,"a":[1,2,3]})");
}

TEST_F(FilesTest, JsonOfAnotherSchemaIsRefusedClearly) {
  EXPECT_CONTAINS(error_reading(R"({"schema": "vpunas.test/2"})"),
                  "is vpunas.test/2, this program reads vpunas.test/1");
  EXPECT_CONTAINS(error_reading(R"({"schema": "vpunas.train/1"})"),
                  "is vpunas.train/1, this program reads");
  for (const char* foreign : {"{}", "[]", "3", "null", R"({"schema": 1})", R"({"schema": "x"})",
                              R"(["vpunas.test/1"])"}) {
    EXPECT_CONTAINS(error_reading(foreign), "not a vpunas file");
  }
}

TEST_F(FilesTest, JsonSyntaxErrorsNameLineAndColumn) {
  EXPECT_CONTAINS(error_reading("{\n  \"a\": 1,\n  b\n}"), "a.json:3:3: not JSON: ");
  EXPECT_CONTAINS(error_reading(""), "a.json:1:1: not JSON: ");
  EXPECT_CONTAINS(error_reading("{\"a\": \"\xff\"}"), "UTF-8");
  EXPECT_LT(error_reading("{\"a\": " + std::string(100'000, 'x')).size(), 500u);
}

TEST_F(FilesTest, JsonWithoutAValueForANumberIsRefused) {
  for (const char* number : {"NaN", "Infinity", "-Infinity", "nan", "1e999"}) {
    EXPECT_CONTAINS(error_reading(cat(R"({"schema": "vpunas.test/1", "a": )", number, "}")),
                    "not JSON");
  }
}

TEST_F(FilesTest, JsonNestedWithoutEndIsRefused) {
  EXPECT_CONTAINS(error_reading(std::string(1'000'000, '[')), "nested deeper");
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  EXPECT_CONTAINS(error_reading(objects), "nested deeper");
}

TEST_F(FilesTest, JsonMembersGivenTwiceOrTooManyAreRefused) {
  EXPECT_CONTAINS(error_reading(R"({"schema": "vpunas.test/1", "a": {"b": 1, "b": 2}})"),
                  "\"b\" twice");
  std::string many = R"({"schema": "vpunas.test/1")";
  for (int i = 0; i < 100'000; ++i) many += cat(",\"", i, "\":0");
  EXPECT_CONTAINS(error_reading(many + "}"), "more than");
  write_file(file_, R"({"schema": "vpunas.test/1", "a": [{"b": 1}, {"b": 2}], "b": 3})");
  EXPECT_NO_THROW(read_json(file_, "vpunas.test/1"));
}

TEST_F(FilesTest, WritingJsonRefusesNumbersThatAreNotFinite) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_CONTAINS(
      error_of([&] { write_json(file_, "vpunas.test/1", {{"a", {{{"b", 1}}, {{"b", nan}}}}}); }),
      "/a/1/b");
  EXPECT_FALSE(fs::exists(file_));
}

TEST_F(FilesTest, WritingJsonReplacesBytesThatAreNoText) {
  write_json(file_, "vpunas.test/1", {{"path", "\xff"}});
  EXPECT_NO_THROW(read_json(file_, "vpunas.test/1"));
}

TEST_F(FilesTest, MutatedJsonNeverCrashes) {
  write_json(file_, "vpunas.test/1",
             {{"a", {1, 2.5, -3}}, {"b", {{"c", "text\n\u00e9"}, {"d", nullptr}}}, {"e", true}});
  const std::string good = read_file(file_);
  std::mt19937 random(1);
  for (int i = 0; i < 20'000; ++i) {
    const std::string bad = mutate(good, random);
    try {
      detail::parse_json(bad, "x");
    } catch (const Error&) {
    }
  }
  for (size_t size = 0; size + 2 < good.size(); ++size) {
    EXPECT_THROW(detail::parse_json(good.substr(0, size), "x"), Error) << size;
  }
}

TEST(JsonGet, ReadsMembers) {
  const Json json = {{"i", 3},   {"d", 2.5},    {"b", true},
                     {"s", "x"}, {"v", {1, 2}}, {"n", {{1.5}, {2}}}};
  EXPECT_EQ(json_get<int>(json, "i", "x"), 3);
  EXPECT_EQ(json_get<double>(json, "i", "x"), 3.0);
  EXPECT_EQ(json_get<double>(json, "d", "x"), 2.5);
  EXPECT_TRUE(json_get<bool>(json, "b", "x"));
  EXPECT_EQ(json_get<std::string>(json, "s", "x"), "x");
  EXPECT_EQ(json_get<std::vector<int>>(json, "v", "x"), (std::vector<int>{1, 2}));
  EXPECT_EQ((json_get<std::vector<std::vector<double>>>(json, "n", "x")[1]),
            std::vector<double>{2});
  EXPECT_EQ(json_get<Json>(json, "v", "x").size(), 2u);
}

TEST(JsonGet, NamesThePlaceOfWhatIsMissingOrWrong) {
  const Json json = {
      {"d", 2.5}, {"big", 3'000'000'000}, {"b", true}, {"minus", -1}, {"v", {1, 2.5}}};
  EXPECT_EQ(error_of([&] { json_get<int>(json, "i", "a.json: x[3]"); }),
            "a.json: x[3]: \"i\" is missing");
  EXPECT_CONTAINS(error_of([&] { json_get<int>(json, "d", "x"); }), "wrong type");
  EXPECT_CONTAINS(error_of([&] { json_get<int>(json, "big", "x"); }), "out of range");
  EXPECT_CONTAINS(error_of([&] { json_get<int>(json, "b", "x"); }), "wrong type");
  EXPECT_CONTAINS(error_of([&] { json_get<double>(json, "b", "x"); }), "wrong type");
  EXPECT_CONTAINS(error_of([&] { json_get<uint64_t>(json, "minus", "x"); }), "out of range");
  EXPECT_CONTAINS(error_of([&] { json_get<std::string>(json, "d", "x"); }), "wrong type");
  EXPECT_CONTAINS(error_of([&] { json_get<std::vector<int>>(json, "v", "x"); }), "wrong type");
  EXPECT_CONTAINS(error_of([&] { json_get<std::vector<int>>(json, "d", "x"); }), "wrong type");
  EXPECT_CONTAINS(error_of([&] { json_get<int>(Json::array(), "d", "x"); }),
                  "not inside an object");
}

TEST(ContentHash, IsFnv1a) {
  EXPECT_EQ(content_hash(""), "cbf29ce484222325");
  EXPECT_EQ(content_hash("a"), "af63dc4c8601ec8c");
  EXPECT_EQ(content_hash("foobar"), "85944171f73967e8");
}

TEST(Folders, TheEnvironmentNamesTheDataFolder) {
  const TemporaryFolder folder;
  setenv("VPUNAS_DATA", folder.path().c_str(), 1);
  EXPECT_EQ(data_folder(), folder.path());
  setenv("VPUNAS_DATA", "/does/not/exist", 1);
  EXPECT_CONTAINS(error_of([] { data_folder(); }), "VPUNAS_DATA is /does/not/exist");
  unsetenv("VPUNAS_DATA");
}

TEST(Folders, TheProgramKnowsWhereItIs) {
  EXPECT_TRUE(fs::is_directory(program_folder()));
  EXPECT_EQ(version().find_first_not_of("0123456789."), std::string::npos);
}

TEST(Folders, TemporaryFoldersGoWithTheirContent) {
  fs::path path;
  {
    const TemporaryFolder folder;
    path = folder.path();
    write_file(path / "a" / "b", "1");
  }
  EXPECT_FALSE(fs::exists(path));
}

}  // namespace
}  // namespace vpunas
