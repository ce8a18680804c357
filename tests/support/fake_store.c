/* The interposer: it keeps each call until its answer may go, and then answers it by the loop's
 * expire step, so that no answer comes inside the function that took the call. */
#include "support/fake_store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

struct fake_call {
    struct fs_call inner; /* asked of the inner store */
    struct fs_fake_store *fake;
    struct fs_call *call; /* borrowed, until it is answered */
    struct fs_link link;
    enum fs_fault fault;
    uint64_t deadline_us;
    uint64_t due_us;
    struct fs_fake_request request; /* texts owned, when it is served here */
    struct fs_reply reply;          /* owned */
};

static struct fs_fake_store *fake_of(struct fs_store *store)
{
    return FS_CONTAINER_OF(store, struct fs_fake_store, store);
}

static struct fake_call *fake_call_of(struct fs_link *link)
{
    return FS_CONTAINER_OF(link, struct fake_call, link);
}

static void *allocate(size_t size)
{
    void *memory = calloc(1, size ? size : 1);

    if (!memory)
        abort();
    return memory;
}

static struct fs_text copy_text(struct fs_text text)
{
    char *data = allocate(text.len);

    if (text.len)
        memcpy(data, text.data, text.len);
    return (struct fs_text){data, text.len};
}

static struct fs_reply copy_reply(const struct fs_reply *reply)
{
    struct fs_reply copy = {.kind = reply->kind, .integer = reply->integer};

    if (reply->text.data)
        copy.text = copy_text(reply->text);
    if (reply->item_count) {
        struct fs_reply *items = allocate(reply->item_count * sizeof(*items));

        for (size_t i = 0; i < reply->item_count; i++)
            items[i] = copy_reply(&reply->items[i]);
        copy.items = items;
        copy.item_count = reply->item_count;
    }
    return copy;
}

static void free_reply(const struct fs_reply *reply)
{
    free((char *)(uintptr_t)reply->text.data);
    for (size_t i = 0; i < reply->item_count; i++)
        free_reply(&reply->items[i]);
    free((struct fs_reply *)(uintptr_t)reply->items);
}

static void copy_argv(struct fake_call *held, size_t argc, const struct fs_text *argv)
{
    struct fs_text *texts = allocate(argc * sizeof(*texts));

    for (size_t i = 0; i < argc; i++)
        texts[i] = copy_text(argv[i]);
    held->request.argc = argc;
    held->request.argv = texts;
}

static void free_call(struct fake_call *held)
{
    for (size_t i = 0; i < held->request.argc; i++)
        free((char *)(uintptr_t)held->request.argv[i].data);
    free((struct fs_text *)(uintptr_t)held->request.argv);
    free_reply(&held->reply);
    free(held);
}

/* What was answered goes out as its fault says; after it what waited for another answer. */
static void answered(struct fake_call *held, const struct fs_reply *reply)
{
    struct fs_fake_store *fake = held->fake;
    uint64_t late_us = fs_clock_now_us() + (uint64_t)fake->delay_ms * 1000;

    if (held->fault == FS_FAULT_LOST_AFTER ||
        (held->fault == FS_FAULT_DELAYED && held->deadline_us && held->deadline_us < late_us)) {
        held->reply = (struct fs_reply){.kind = FS_REPLY_LOST};
        late_us = held->deadline_us;
    } else {
        held->reply = copy_reply(reply);
    }
    if (held->fault == FS_FAULT_DELAYED) {
        held->due_us = late_us;
        fs_link_append(&fake->delayed, &held->link);
    } else if (held->fault == FS_FAULT_REORDERED) {
        held->due_us = late_us;
        fs_link_append(&fake->held, &held->link);
    } else {
        fs_link_append(&fake->ready, &held->link);
        fs_link_splice(&fake->ready, &fake->held);
    }
}

static void inner_done(struct fs_call *call, const struct fs_reply *reply)
{
    struct fake_call *held = FS_CONTAINER_OF(call, struct fake_call, inner);

    fs_link_remove(&held->link);
    answered(held, reply);
}

static void answer_unexecuted(struct fake_call *held, enum fs_reply_kind kind)
{
    static const char loading[] = "LOADING the fake is loading";
    const struct fs_reply reply = {.kind = kind,
                                   .text = kind == FS_REPLY_REFUSED
                                               ? (struct fs_text){loading, sizeof(loading) - 1}
                                               : (struct fs_text){0}};

    held->reply = copy_reply(&reply);
    fs_link_append(&held->fake->ready, &held->link);
}

/* Gives the call to be executed; NULL: it was taken care of. */
static struct fake_call *take(struct fs_store *store, struct fs_call *call, uint64_t deadline_us)
{
    struct fs_fake_store *fake = fake_of(store);
    struct fake_call *held = allocate(sizeof(*held));

    assert(call->done);
    fake->call_count++;
    held->fake = fake;
    held->call = call;
    held->inner.done = inner_done;
    held->deadline_us = deadline_us;
    fs_link_init(&held->link);
    if (fake->call_count >= fake->fault_first && fake->call_count <= fake->fault_last)
        held->fault = fake->fault;
    if (held->fault == FS_FAULT_NOT_SENT) {
        answer_unexecuted(held, FS_REPLY_NOT_SENT);
        return NULL;
    }
    if (held->fault == FS_FAULT_REFUSED) {
        answer_unexecuted(held, FS_REPLY_REFUSED);
        return NULL;
    }
    if (held->fault == FS_FAULT_LOST_BEFORE) {
        answer_unexecuted(held, FS_REPLY_LOST);
        return NULL;
    }
    fake->execute_count++;
    return held;
}

static unsigned fake_node_count(const struct fs_store *store)
{
    const struct fs_fake_store *fake = FS_CONTAINER_OF(store, struct fs_fake_store, store);

    return fake->inner ? fake->inner->type->node_count(fake->inner) : 1;
}

static void fake_command(struct fs_store *store, struct fs_call *call, struct fs_text key,
                         uint64_t deadline_us, size_t argc, const struct fs_text *argv)
{
    struct fs_store *inner = fake_of(store)->inner;
    struct fake_call *held = take(store, call, deadline_us);

    if (!held)
        return;
    if (inner) {
        fs_link_append(&held->fake->asked, &held->link);
        inner->type->command(inner, &held->inner, key, deadline_us, argc, argv);
        return;
    }
    copy_argv(held, argc, argv);
    fs_link_append(&held->fake->sent, &held->link);
}

static void fake_script(struct fs_store *store, struct fs_call *call,
                        const struct fs_script *script, uint64_t deadline_us, size_t key_count,
                        size_t argc, const struct fs_text *argv)
{
    struct fs_store *inner = fake_of(store)->inner;
    struct fake_call *held = take(store, call, deadline_us);

    if (!held)
        return;
    if (inner) {
        fs_link_append(&held->fake->asked, &held->link);
        inner->type->script(inner, &held->inner, script, deadline_us, key_count, argc, argv);
        return;
    }
    copy_argv(held, argc, argv);
    held->request.script = script;
    held->request.key_count = key_count;
    fs_link_append(&held->fake->sent, &held->link);
}

static void fake_flush(struct fs_store *store)
{
    struct fs_fake_store *fake = fake_of(store);
    struct fs_link *link;

    if (fake->inner)
        fake->inner->type->flush(fake->inner);
    while ((link = fs_link_shift(&fake->sent))) {
        struct fake_call *held = fake_call_of(link);
        struct fs_reply reply = {0};

        fake->serve(fake->data, &held->request, &reply);
        assert(reply.kind != 0);
        answered(held, &reply);
    }
}

static uint64_t earliest_us(const struct fs_link *list)
{
    uint64_t due_us = UINT64_MAX;

    for (const struct fs_link *link = list->next; link != list; link = link->next) {
        const struct fake_call *held = FS_CONTAINER_OF(link, struct fake_call, link);

        due_us = held->due_us < due_us ? held->due_us : due_us;
    }
    return due_us;
}

static uint64_t fake_next_due_us(const struct fs_store *store)
{
    const struct fs_fake_store *fake = FS_CONTAINER_OF(store, struct fs_fake_store, store);
    uint64_t due_us = earliest_us(&fake->delayed);
    uint64_t held_us = earliest_us(&fake->held);
    uint64_t inner_us = fake->inner ? fake->inner->type->next_due_us(fake->inner) : UINT64_MAX;

    if (!fs_link_is_alone(&fake->ready))
        return 0;
    due_us = held_us < due_us ? held_us : due_us;
    return inner_us < due_us ? inner_us : due_us;
}

static void move_due(struct fs_link *from, struct fs_link *into, uint64_t now_us)
{
    struct fs_link *link = from->next;

    while (link != from) {
        struct fs_link *next = link->next;

        if (fake_call_of(link)->due_us <= now_us) {
            fs_link_remove(link);
            fs_link_append(into, link);
        }
        link = next;
    }
}

static void fake_expire(struct fs_store *store, uint64_t now_us)
{
    struct fs_fake_store *fake = fake_of(store);
    struct fs_link answers;
    struct fs_link *link;

    if (fake->inner)
        fake->inner->type->expire(fake->inner, now_us);
    fs_link_init(&answers);
    fs_link_splice(&answers, &fake->ready);
    move_due(&fake->delayed, &answers, now_us);
    move_due(&fake->held, &answers, now_us);
    while ((link = fs_link_shift(&answers))) {
        struct fake_call *held = fake_call_of(link);

        fs_store_answer(store, held->call, &held->reply);
        free_call(held);
    }
}

static const struct fs_store_type fake_type = {.node_count = fake_node_count,
                                               .command = fake_command,
                                               .script = fake_script,
                                               .flush = fake_flush,
                                               .next_due_us = fake_next_due_us,
                                               .expire = fake_expire};

void fs_fake_store_init(struct fs_fake_store *fake, struct fs_store *inner,
                        void (*serve)(void *data, const struct fs_fake_request *request,
                                      struct fs_reply *reply),
                        void *data)
{
    assert(!inner != !serve);
    *fake = (struct fs_fake_store){
        .store = {.type = &fake_type}, .inner = inner, .serve = serve, .data = data};
    fs_link_init(&fake->asked);
    fs_link_init(&fake->sent);
    fs_link_init(&fake->ready);
    fs_link_init(&fake->delayed);
    fs_link_init(&fake->held);
}

void fs_fake_store_dispose(struct fs_fake_store *fake)
{
    struct fs_link *link;

    assert(fs_link_is_alone(&fake->sent) && fs_link_is_alone(&fake->ready) &&
           fs_link_is_alone(&fake->delayed) && fs_link_is_alone(&fake->held));
    /* What nobody waits for may still be under way; the inner store answers no more. */
    while ((link = fs_link_shift(&fake->asked)))
        free_call(fake_call_of(link));
}

void fs_fake_store_inject(struct fs_fake_store *fake, enum fs_fault fault, uint64_t first,
                          uint64_t last, uint32_t delay_ms)
{
    fake->fault = fault;
    fake->fault_first = first;
    fake->fault_last = last;
    fake->delay_ms = delay_ms;
}

uint64_t fs_torture_each_call(enum fs_fault fault, uint64_t run_max, void *data,
                              uint64_t (*scenario)(void *data, enum fs_fault fault, uint64_t nth))
{
    uint64_t nth = 1;

    while (nth <= run_max && scenario(data, fault, nth) >= nth)
        nth++;
    return nth - 1;
}
