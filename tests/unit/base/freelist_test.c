/* Slots: whole, zeroed at first, kept, and touched only when taken. */
#include "base/freelist.h"

#include <errno.h>
#include <stdalign.h>
#include <sys/mman.h>
#include <unistd.h>

#include "support/random.h"
#include "support/suite.h"

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define WITH_ADDRESS_SANITIZER 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define WITH_ADDRESS_SANITIZER 1
#endif

static size_t resident_pages(const struct fs_freelist *list)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t count = (list->slot_size * list->slot_count + page - 1) / page;
    unsigned char *pages = calloc(count, 1);
    size_t resident = 0;

    if (!pages || mincore(list->block, count * page, pages) != 0)
        resident = SIZE_MAX;
    for (size_t i = 0; resident != SIZE_MAX && i < count; i++)
        resident += pages[i] & 1;
    free(pages);
    return resident;
}

static void all_slots_are_taken_once_and_then_none(void)
{
    struct fs_freelist list;
    void *slots[10];

    FS_REQUIRE(fs_freelist_init(&list, 100, 10) == 0);
    for (int i = 0; i < 10; i++) {
        slots[i] = fs_freelist_take(&list);
        FS_REQUIRE(slots[i] != NULL);
        FS_CHECK_INT(list.used_count, i + 1);
        for (int j = 0; j < i; j++)
            FS_CHECK(labs((char *)slots[i] - (char *)slots[j]) >= 100);
    }
    FS_CHECK(fs_freelist_take(&list) == NULL);
    FS_CHECK(fs_freelist_take(&list) == NULL);
    FS_CHECK_INT(list.used_count, 10);
    fs_freelist_give(&list, slots[3]);
    FS_CHECK(fs_freelist_take(&list) == slots[3]);
    FS_CHECK(fs_freelist_take(&list) == NULL);
    fs_freelist_dispose(&list);
}

static void slots_of_any_size_are_aligned_for_any_type(void)
{
    for (size_t size = 0; size < 100; size++) {
        struct fs_freelist list;

        FS_REQUIRE(fs_freelist_init(&list, size, 5) == 0);
        FS_CHECK(list.slot_size >= size);
        for (int i = 0; i < 5; i++) {
            char *slot = fs_freelist_take(&list);

            FS_REQUIRE(slot != NULL);
            FS_CHECK_INT((uintptr_t)slot % alignof(max_align_t), 0);
            memset(slot, 0xee, size);
        }
        fs_freelist_dispose(&list);
    }
}

static void a_slot_is_zero_at_first_and_then_what_its_user_left(void)
{
    struct fs_freelist list;
    unsigned char *slot, *again;

    FS_REQUIRE(fs_freelist_init(&list, 256, 3) == 0);
    slot = fs_freelist_take(&list);
    FS_REQUIRE(slot != NULL);
    for (size_t i = 0; i < 256; i++)
        FS_CHECK_INT(slot[i], 0);
    memset(slot, 0xab, 256);
    fs_freelist_give(&list, slot);
    again = fs_freelist_take(&list);
    FS_REQUIRE(again == slot);
    for (size_t i = sizeof(void *); i < 256; i++)
        FS_CHECK_INT(again[i], 0xab);
    again = fs_freelist_take(&list); /* another, never used */
    FS_REQUIRE(again && again != slot);
    for (size_t i = 0; i < 256; i++)
        FS_CHECK_INT(again[i], 0);
    fs_freelist_dispose(&list);
}

static void the_highest_use_is_kept(void)
{
    struct fs_freelist list;
    void *slots[4];

    FS_REQUIRE(fs_freelist_init(&list, 8, 8) == 0);
    for (int i = 0; i < 4; i++)
        slots[i] = fs_freelist_take(&list);
    for (int i = 0; i < 4; i++)
        fs_freelist_give(&list, slots[i]);
    FS_CHECK_INT(list.used_count, 0);
    FS_CHECK_INT(list.used_max, 4);
    FS_CHECK(fs_freelist_take(&list) != NULL);
    FS_CHECK_INT(list.used_count, 1);
    FS_CHECK_INT(list.used_max, 4);
    fs_freelist_dispose(&list);
}

/* 64 MiB; a kernel with transparent huge pages may touch 2 MiB at once. */
static void pages_are_touched_only_as_slots_are_first_taken(void)
{
    const size_t huge_page = 2u << 20;
    const size_t allowed = huge_page / (size_t)sysconf(_SC_PAGESIZE);
    struct fs_freelist list;
    void *slots[100];

    FS_REQUIRE(fs_freelist_init(&list, 1024, 65536) == 0);
    FS_CHECK_INT(resident_pages(&list), 0);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 100; i++) {
            slots[i] = fs_freelist_take(&list);
            FS_REQUIRE(slots[i] != NULL);
            memset(slots[i], 1, 1024);
        }
        for (int i = 0; i < 100; i++)
            fs_freelist_give(&list, slots[i]);
    }
    FS_CHECK(resident_pages(&list) >= 1);
    FS_CHECK(resident_pages(&list) <= allowed);
    fs_freelist_dispose(&list);
}

static void what_does_not_fit_into_memory_is_refused(void)
{
    struct fs_freelist list;

    FS_CHECK_INT(fs_freelist_init(&list, SIZE_MAX, 1), -ENOMEM);
    FS_CHECK_INT(fs_freelist_init(&list, SIZE_MAX - 8, 2), -ENOMEM);
    FS_CHECK_INT(fs_freelist_init(&list, SIZE_MAX / 2, 3), -ENOMEM);
    FS_CHECK_INT(fs_freelist_init(&list, SIZE_MAX / 4, 1), -ENOMEM);
    /* Their product, cut to 64 bits, would be 32 bytes. */
    FS_CHECK_INT(fs_freelist_init(&list, SIZE_MAX / 2 + 1 + 16, 2), -ENOMEM);
}

static void dispose_may_come_twice_or_instead_of_init(void)
{
    struct fs_freelist list = {0};

    fs_freelist_dispose(&list);
    FS_REQUIRE(fs_freelist_init(&list, 16, 4) == 0);
    fs_freelist_dispose(&list);
    FS_CHECK(list.block == NULL);
    fs_freelist_dispose(&list);
}

static void any_order_of_take_and_give_keeps_each_user_s_bytes(void)
{
    enum { COUNT = 50, SIZE = 40 };
    struct fs_random random = fs_random_start();
    struct fs_freelist list;
    unsigned char *slots[COUNT] = {0};
    uint32_t used = 0;

    FS_REQUIRE(fs_freelist_init(&list, SIZE, COUNT) == 0);
    for (int i = 0; i < 100000; i++) {
        size_t at = fs_random_below(&random, COUNT);

        if (slots[at]) {
            for (size_t j = 0; j < SIZE; j++)
                FS_REQUIRE(slots[at][j] == at + 1);
            fs_freelist_give(&list, slots[at]);
            slots[at] = NULL;
            used--;
        } else {
            slots[at] = fs_freelist_take(&list);
            FS_REQUIRE(slots[at] != NULL);
            memset(slots[at], (int)at + 1, SIZE);
            used++;
        }
        FS_REQUIRE(list.used_count == used);
    }
    fs_freelist_dispose(&list);
}

#ifdef WITH_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>

static void a_slot_that_nobody_holds_is_poisoned(void)
{
    struct fs_freelist list;
    char *slot;

    FS_REQUIRE(fs_freelist_init(&list, 64, 2) == 0);
    FS_CHECK(__asan_address_is_poisoned(list.block));
    slot = fs_freelist_take(&list);
    FS_REQUIRE(slot != NULL);
    FS_CHECK(!__asan_address_is_poisoned(slot));
    FS_CHECK(__asan_address_is_poisoned(slot + 64));
    fs_freelist_give(&list, slot);
    FS_CHECK(__asan_address_is_poisoned(slot));
    FS_CHECK(__asan_address_is_poisoned(slot + 63));
    fs_freelist_dispose(&list);
}
#define SANITIZED_TESTS(T) T(a_slot_that_nobody_holds_is_poisoned)
#else
#define SANITIZED_TESTS(T)
#endif

#define TESTS(T)                                           \
    T(all_slots_are_taken_once_and_then_none)              \
    T(slots_of_any_size_are_aligned_for_any_type)          \
    T(a_slot_is_zero_at_first_and_then_what_its_user_left) \
    T(the_highest_use_is_kept)                             \
    T(pages_are_touched_only_as_slots_are_first_taken)     \
    T(what_does_not_fit_into_memory_is_refused)            \
    T(dispose_may_come_twice_or_instead_of_init)           \
    T(any_order_of_take_and_give_keeps_each_user_s_bytes)  \
    SANITIZED_TESTS(T)

FS_SUITE("base/freelist", TESTS)
