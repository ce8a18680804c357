/* The intrusive list, against an array. */
#include "base/list.h"

#include "support/random.h"
#include "support/suite.h"

#define LETTERS 8

struct letter {
    char name;
    struct fs_link link;
};

/* Names of the list's members in both directions, which have to agree. */
static const char *names_of(const struct fs_link *anchor, char names[LETTERS + 1])
{
    size_t count = 0;
    size_t back = 0;

    for (struct fs_link *link = anchor->next; link != anchor && count < LETTERS; link = link->next)
        names[count++] = FS_CONTAINER_OF(link, struct letter, link)->name;
    names[count] = '\0';
    for (struct fs_link *link = anchor->prev; link != anchor && back < count; link = link->prev)
        if (FS_CONTAINER_OF(link, struct letter, link)->name != names[count - ++back])
            return "(the ways differ)";
    return back == count ? names : "(the ways differ)";
}

static void make_letters(struct letter letters[LETTERS])
{
    for (int i = 0; i < LETTERS; i++) {
        letters[i].name = (char)('a' + i);
        fs_link_init(&letters[i].link);
    }
}

static void an_anchor_begins_as_an_empty_list(void)
{
    struct fs_link anchor;

    fs_link_init(&anchor);
    FS_CHECK(fs_link_is_alone(&anchor));
    FS_CHECK(fs_link_shift(&anchor) == NULL);
}

static void members_come_out_in_the_order_they_went_in(void)
{
    struct letter letters[LETTERS];
    struct fs_link anchor;
    char names[LETTERS + 1];

    make_letters(letters);
    fs_link_init(&anchor);
    for (int i = 0; i < 3; i++)
        fs_link_append(&anchor, &letters[i].link);
    FS_CHECK_STR(names_of(&anchor, names), "abc");
    FS_CHECK(!fs_link_is_alone(&letters[0].link));
    for (int i = 0; i < 3; i++)
        FS_CHECK(fs_link_shift(&anchor) == &letters[i].link);
    FS_CHECK(fs_link_is_alone(&anchor));
    FS_CHECK(fs_link_is_alone(&letters[0].link));
}

static void a_member_leaves_from_anywhere(void)
{
    struct letter letters[LETTERS];
    struct fs_link anchor;
    char names[LETTERS + 1];

    make_letters(letters);
    fs_link_init(&anchor);
    for (int i = 0; i < 4; i++)
        fs_link_append(&anchor, &letters[i].link);
    fs_link_remove(&letters[1].link);
    FS_CHECK_STR(names_of(&anchor, names), "acd");
    fs_link_remove(&letters[3].link);
    FS_CHECK_STR(names_of(&anchor, names), "ac");
    fs_link_remove(&letters[0].link);
    FS_CHECK_STR(names_of(&anchor, names), "c");
    fs_link_remove(&letters[0].link); /* in no list: nothing happens */
    FS_CHECK_STR(names_of(&anchor, names), "c");
}

static void splice_moves_all_members_behind_the_others(void)
{
    struct letter letters[LETTERS];
    struct fs_link to, from;
    char names[LETTERS + 1];

    make_letters(letters);
    fs_link_init(&to);
    fs_link_init(&from);
    fs_link_splice(&to, &from);
    FS_CHECK(fs_link_is_alone(&to));
    fs_link_append(&from, &letters[0].link);
    fs_link_append(&from, &letters[1].link);
    fs_link_splice(&to, &from);
    FS_CHECK(fs_link_is_alone(&from));
    FS_CHECK_STR(names_of(&to, names), "ab");
    fs_link_append(&from, &letters[2].link);
    fs_link_splice(&to, &from);
    fs_link_splice(&to, &from);
    FS_CHECK_STR(names_of(&to, names), "abc");
}

static void the_list_behaves_as_an_array(void)
{
    struct fs_random random = fs_random_start();
    struct letter letters[LETTERS];
    struct fs_link anchor;
    char model[LETTERS + 1] = "";
    char names[LETTERS + 1];

    make_letters(letters);
    fs_link_init(&anchor);
    for (int i = 0; i < 20000; i++) {
        struct letter *letter = &letters[fs_random_below(&random, LETTERS)];
        size_t len = strlen(model);
        char *found = strchr(model, letter->name);

        if (fs_random_below(&random, 4) == 0) {
            struct fs_link *first = fs_link_shift(&anchor);

            FS_REQUIRE((first == NULL) == (len == 0));
            if (first) {
                FS_CHECK_INT(FS_CONTAINER_OF(first, struct letter, link)->name, model[0]);
                memmove(model, model + 1, len);
            }
        } else if (found) {
            fs_link_remove(&letter->link);
            memmove(found, found + 1, strlen(found));
        } else {
            fs_link_append(&anchor, &letter->link);
            model[len] = letter->name;
            model[len + 1] = '\0';
        }
        FS_CHECK_STR(names_of(&anchor, names), model);
    }
}

#define TESTS(T)                                  \
    T(an_anchor_begins_as_an_empty_list)          \
    T(members_come_out_in_the_order_they_went_in) \
    T(a_member_leaves_from_anywhere)              \
    T(splice_moves_all_members_behind_the_others) \
    T(the_list_behaves_as_an_array)

FS_SUITE("base/list", TESTS)
