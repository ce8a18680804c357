/* "Did you mean ...?" */
#include "support/suite.h"

#include "cli/suggest.h"

static const char *const words[] = {"serve", "stock", "strategies", "version", "help", "config"};

#define WORD_COUNT (sizeof(words) / sizeof(words[0]))

static void a_slip_of_one_letter_is_understood(void)
{
    static const struct {
        const char *typed;
        const char *meant;
    } slips[] = {{"sreve", "serve"}, {"stok", "stock"},           {"stockk", "stock"},
                 {"srock", "stock"}, {"strategis", "strategies"}, {"verison", "version"},
                 {"hepl", "help"},   {"serve", "serve"},          {"stratgeies", "strategies"}};

    for (size_t i = 0; i < sizeof(slips) / sizeof(slips[0]); i++)
        FS_CHECK_STR(fs_cli_suggest(slips[i].typed, words, WORD_COUNT), slips[i].meant);
}

static void what_is_far_from_every_word_gets_no_suggestion(void)
{
    static const char *const typed[] = {
        "",          "nothing", "x",
        "benchmark", "sv",      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};

    for (size_t i = 0; i < sizeof(typed) / sizeof(typed[0]); i++)
        FS_CHECK(fs_cli_suggest(typed[i], words, WORD_COUNT) == NULL);
}

static void the_nearest_word_wins(void)
{
    static const char *const near[] = {"logs", "log-level", "log-levels"};

    FS_CHECK_STR(fs_cli_suggest("log-levles", near, 3), "log-levels");
    FS_CHECK_STR(fs_cli_suggest("log-leve", near, 3), "log-level");
}

static void a_word_that_is_too_long_to_compare_is_passed_over(void)
{
    static const char *const mixed[] = {
        "a-word-that-is-much-longer-than-any-option-of-ours-may-ever-be", "stock"};

    FS_CHECK_STR(fs_cli_suggest("stokc", mixed, 2), "stock");
}

#define TESTS(T)                                      \
    T(a_slip_of_one_letter_is_understood)             \
    T(what_is_far_from_every_word_gets_no_suggestion) \
    T(the_nearest_word_wins)                          \
    T(a_word_that_is_too_long_to_compare_is_passed_over)

FS_SUITE("cli/suggest", TESTS)
