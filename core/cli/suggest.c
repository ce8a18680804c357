/* Finds the word that somebody meant to type. */
#include "cli/suggest.h"

#include <string.h>

#define WORD_LEN_MAX 32u

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;

    return ab < c ? ab : c;
}

/* Optimal string alignment: insertions, deletions, replacements and swaps of neighbours. */
static size_t distance(const char *a, const char *b)
{
    size_t rows[3][WORD_LEN_MAX + 1];
    size_t *before = rows[0];
    size_t *last = rows[1];
    size_t *now = rows[2];
    size_t b_len = strlen(b);

    for (size_t j = 0; j <= b_len; j++)
        last[j] = j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t *free_row = before;

        now[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            now[j] =
                least(last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1] ? 1 : 0));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < now[j])
                now[j] = before[j - 2] + 1;
        }
        before = last;
        last = now;
        now = free_row;
    }
    return last[b_len];
}

const char *fs_cli_suggest(const char *typed, const char *const *words, size_t count)
{
    size_t typed_len = strlen(typed);
    size_t nearest = typed_len / 3 + 2; /* one more than what is taken for a slip */
    const char *found = NULL;

    if (typed_len == 0 || typed_len > WORD_LEN_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t edits = strlen(words[i]) > WORD_LEN_MAX ? nearest : distance(typed, words[i]);

        if (edits < nearest) {
            nearest = edits;
            found = words[i];
        }
    }
    return found;
}
