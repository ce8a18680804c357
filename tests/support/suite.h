/* A CUnit program in two lines: a list of tests and FS_SUITE.
 *
 *     static void an_empty_text_is_no_id(void) { FS_CHECK(!fs_text_is_id(FS_TEXT(""), 64)); }
 *     #define TESTS(T) T(an_empty_text_is_no_id)
 *     FS_SUITE("base/text", TESTS)
 *
 * A test's name is the sentence it proves.  A static function that is missing from the list is an
 * unused function, and so a compile error.  A failing check prints both operands. */
#ifndef FS_TESTS_SUPPORT_SUITE_H
#define FS_TESTS_SUPPORT_SUITE_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/Basic.h>

#define FS_CHECK(condition) \
    CU_assertImplementation((condition), __LINE__, #condition, __FILE__, "", CU_FALSE)

/* As FS_CHECK, and leaves the test when it fails. */
#define FS_REQUIRE(condition)                                                             \
    do {                                                                                  \
        bool fs_holds_ = (condition);                                                     \
        CU_assertImplementation(fs_holds_, __LINE__, #condition, __FILE__, "", CU_FALSE); \
        if (!fs_holds_)                                                                   \
            return;                                                                       \
    } while (0)

#define FS_CHECK_INT(actual, expected) \
    fs_check_int((intmax_t)(actual), (intmax_t)(expected), #actual, #expected, __LINE__, __FILE__)

#define FS_CHECK_TEXT(actual, actual_len, expected) \
    fs_check_text((actual), (actual_len), (expected), #actual, __LINE__, __FILE__)

#define FS_CHECK_STR(actual, expected) \
    fs_check_str((actual), (expected), #actual, __LINE__, __FILE__)

/* actual contains part. */
#define FS_CHECK_CONTAINS(actual, part) \
    fs_check_contains((actual), (part), #actual, __LINE__, __FILE__)

/* CUnit keeps the text it is given by copy. */
static inline void fs_check_int(intmax_t actual, intmax_t expected, const char *actual_text,
                                const char *expected_text, unsigned line, const char *file)
{
    char text[512];

    snprintf(text, sizeof(text), "%s is %" PRIdMAX ", not %s (%" PRIdMAX ")", actual_text, actual,
             expected_text, expected);
    CU_assertImplementation(actual == expected, line, text, file, "", CU_FALSE);
}

static inline void fs_check_text(const char *actual, size_t actual_len, const char *expected,
                                 const char *actual_text, unsigned line, const char *file)
{
    char text[2048];
    bool same =
        actual && actual_len == strlen(expected) && memcmp(actual, expected, actual_len) == 0;

    snprintf(text, sizeof(text), "%s is \"%.*s\", not \"%s\"", actual_text,
             actual ? (int)actual_len : 6, actual ? actual : "(null)", expected);
    CU_assertImplementation(same, line, text, file, "", CU_FALSE);
}

static inline void fs_check_str(const char *actual, const char *expected, const char *actual_text,
                                unsigned line, const char *file)
{
    fs_check_text(actual, actual ? strlen(actual) : 0, expected, actual_text, line, file);
}

static inline void fs_check_contains(const char *actual, const char *part, const char *actual_text,
                                     unsigned line, const char *file)
{
    char text[2048];

    snprintf(text, sizeof(text), "%s is \"%.900s\", without \"%s\"", actual_text,
             actual ? actual : "(null)", part);
    CU_assertImplementation(actual && strstr(actual, part), line, text, file, "", CU_FALSE);
}

#define FS_SUITE_ADD(name) CU_add_test(suite, #name, name);

/* With an argument only the tests whose names contain it run. */
#define FS_SUITE(title, TESTS)                                                                     \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        CU_pSuite suite;                                                                           \
        unsigned failed;                                                                           \
        if (CU_initialize_registry() != CUE_SUCCESS || !(suite = CU_add_suite(title, NULL, NULL))) \
            return 2;                                                                              \
        TESTS(FS_SUITE_ADD)                                                                        \
        if (argc > 1)                                                                              \
            for (CU_pTest test = suite->pTest; test; test = test->pNext)                           \
                CU_set_test_active(test, strstr(test->pName, argv[1]) ? CU_TRUE : CU_FALSE);       \
        CU_set_fail_on_inactive(CU_FALSE);                                                         \
        CU_basic_set_mode(CU_BRM_VERBOSE);                                                         \
        CU_basic_run_tests();                                                                      \
        failed = CU_get_number_of_failures() + (CU_get_number_of_tests_run() == 0);                \
        CU_cleanup_registry();                                                                     \
        return failed ? 1 : 0;                                                                     \
    }

#endif
