/* Counts: what ends here is in the history, in a histogram, in its second and in the sums, once. */
#include "load/worker.h"

#include <sys/resource.h>

#include "base/clock.h"

#define SECOND_US 1000000u

static uint64_t since_start(const struct fs_load_worker *worker, uint64_t at_us)
{
    return at_us > worker->start_us ? at_us - worker->start_us : 0;
}

/* Looks up the stage of a moment; moments come nearly in order. */
static void find_stage(struct fs_load_worker *worker, uint64_t elapsed_us)
{
    const struct fs_scenario *scenario = worker->scenario;
    uint64_t begin_us = 0;
    size_t i = 0;

    for (; i < scenario->stage_count; i++) {
        uint64_t length_us = scenario->stages[i].ramp_us + scenario->stages[i].hold_us;

        if (elapsed_us < begin_us + length_us)
            break;
        begin_us += length_us;
    }
    worker->stage = (uint32_t)i;
    worker->stage_begin_us = begin_us;
    worker->stage_end_us = UINT64_MAX;
    worker->stage_is_warmup = false;
    if (i < scenario->stage_count) {
        worker->stage_end_us = begin_us + scenario->stages[i].ramp_us + scenario->stages[i].hold_us;
        worker->stage_is_warmup = scenario->stages[i].warmup;
    }
}

bool fs_record_is_warmup(struct fs_load_worker *worker, uint64_t intended_us)
{
    uint64_t elapsed_us = since_start(worker, intended_us);

    if (elapsed_us < worker->stage_begin_us || elapsed_us >= worker->stage_end_us)
        find_stage(worker, elapsed_us);
    return worker->stage_is_warmup;
}

static void count_part(struct fs_load_second *part, const struct fs_operation *operation,
                       bool is_first_sale)
{
    part->answered += operation->status != 0;
    part->errors += fs_answer_is_error((enum fs_answer)operation->answer);
    part->replayed += operation->replayed;
    if (operation->kind == FS_OPERATION_PURCHASE)
        part->answers[operation->answer]++;
    if (is_first_sale) {
        part->sold++;
        part->sold_units += operation->quantity;
    }
}

static void record_latency(struct fs_load_worker *worker, const struct fs_operation *operation,
                           bool is_warmup)
{
    uint64_t latency_us = operation->answered_us - operation->intended_us;

    if (operation->status == 0 && operation->answer != FS_ANSWER_TIMEOUT)
        return;
    if (operation->kind == FS_OPERATION_PURCHASE) {
        fs_latency_record(&worker->tally.latency, latency_us);
        if (is_warmup)
            return;
        fs_latency_record(&worker->latency, latency_us);
        if (operation->sent_us > 0)
            fs_latency_record(&worker->service, operation->answered_us - operation->sent_us);
    } else if (!is_warmup && operation->kind != FS_OPERATION_RESTOCK &&
               operation->kind != FS_OPERATION_LOGIN) {
        fs_latency_record(&worker->others, latency_us);
    }
}

static void keep(struct fs_load_worker *worker, const struct fs_operation *operation)
{
    struct fs_operation *kept = fs_history_add(&worker->history);

    if (!kept) {
        worker->is_short_of_memory = true;
        return;
    }
    *kept = *operation;
    kept->intended_us = since_start(worker, operation->intended_us);
    if (operation->sent_us > 0)
        kept->sent_us = since_start(worker, operation->sent_us) + 1; /* 0 says: never sent */
    kept->answered_us = since_start(worker, operation->answered_us) + 1;
}

void fs_record_call(struct fs_load_worker *worker, struct fs_load_call *call, bool is_first_sale)
{
    struct fs_operation *operation = &call->operation;
    bool is_warmup = fs_record_is_warmup(worker, operation->intended_us);

    operation->warmup = is_warmup;
    if (operation->answered_us < operation->intended_us)
        operation->answered_us = operation->intended_us;
    fs_record_second(worker, false);
    count_part(&worker->tally.all, operation, is_first_sale);
    worker->warmup_requests += is_warmup;
    if (!is_warmup) {
        count_part(&worker->tally.measured, operation, is_first_sale);
        worker->tally.sent_measured += operation->sent_us > 0;
        if (worker->phase == FS_PHASE_RUN) {
            worker->window_answered += operation->status != 0;
            worker->window_sold += is_first_sale;
        }
    }
    if (operation->status != 0)
        worker->last_answer_us = operation->answered_us;
    record_latency(worker, operation, is_warmup);
    keep(worker, operation);
}

void fs_record_unsent(struct fs_load_worker *worker, const struct fs_shopper *shopper,
                      uint64_t intended_us)
{
    struct fs_load_call call = {.operation = {.intended_us = intended_us,
                                              .answered_us = worker->now_us,
                                              .remaining = -1,
                                              .user = shopper->index,
                                              .kind = FS_OPERATION_PURCHASE,
                                              .answer = FS_ANSWER_TIMEOUT}};

    fs_record_call(worker, &call, false);
}

void fs_record_offered(struct fs_load_worker *worker, uint64_t intended_us)
{
    worker->tally.all.offered++;
    if (fs_record_is_warmup(worker, intended_us))
        return;
    worker->tally.measured.offered++;
    worker->window_offered += worker->phase == FS_PHASE_RUN;
}

void fs_record_start(struct fs_load_worker *worker, uint64_t intended_us)
{
    if (worker->now_us > intended_us + worker->late_limit_us &&
        !fs_record_is_warmup(worker, intended_us))
        worker->late_starts++;
}

void fs_record_second(struct fs_load_worker *worker, bool is_last)
{
    uint64_t second = since_start(worker, worker->now_us) / SECOND_US;

    if (second == worker->tally.second && !is_last)
        return;
    worker->tally.all.users = worker->busy_actors;
    worker->tally.all.in_flight = worker->in_flight;
    worker->tally.all.stage = worker->stage;
    fs_board_add(worker->board, worker->index, &worker->tally, second);
}
