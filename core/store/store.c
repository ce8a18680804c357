/* What all stores have in common: how a call ends. */
#include "store/store.h"

void fs_store_answer(struct fs_store *store, struct fs_call *call, const struct fs_reply *reply)
{
    store->answer_count++;
    call->done(call, reply);
}
