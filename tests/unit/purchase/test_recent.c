/* purchase/recent: what a loop remembers of the orders that exist, or may exist. */
#include "purchase/recent.h"

#include <stdio.h>

#include "base/text.h"
#include "support/suite.h"

static struct fs_text name_of(char text[FS_ORDER_LEN_MAX + 1], unsigned number)
{
    uint64_t mixed = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);

    snprintf(text, FS_ORDER_LEN_MAX + 1, "%016llx%010u", (unsigned long long)mixed, number);
    return (struct fs_text){text, 26};
}

static void an_order_that_was_added_is_known_and_no_other(void)
{
    struct fs_recent *recent;
    char text[FS_ORDER_LEN_MAX + 1];

    FS_CHECK_INT(fs_recent_create(&recent), 0);
    for (unsigned i = 0; i < 1000; i += 2)
        fs_recent_add(recent, name_of(text, i));
    for (unsigned i = 0; i < 1000; i++)
        FS_CHECK_INT(fs_recent_has(recent, name_of(text, i)), i % 2 == 0);
    fs_recent_destroy(recent);
}

static void the_latest_orders_are_known_after_many_more_than_fit(void)
{
    const unsigned count = 10 * FS_RECENT_ORDERS;
    struct fs_recent *recent;
    char text[FS_ORDER_LEN_MAX + 1];
    unsigned known = 0;

    FS_CHECK_INT(fs_recent_create(&recent), 0);
    for (unsigned i = 0; i < count; i++)
        fs_recent_add(recent, name_of(text, i));
    FS_CHECK(fs_recent_has(recent, name_of(text, count - 1)));
    for (unsigned i = count - FS_RECENT_ORDERS / 8; i < count; i++)
        known += fs_recent_has(recent, name_of(text, i));
    FS_CHECK(known > FS_RECENT_ORDERS / 8 * 99 / 100);
    fs_recent_destroy(recent);
}

#define TESTS(T)                                     \
    T(an_order_that_was_added_is_known_and_no_other) \
    T(the_latest_orders_are_known_after_many_more_than_fit)

FS_SUITE("purchase/recent", TESTS)
