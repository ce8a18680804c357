/* Adds up threads' seconds under one lock, taken once a second by each. */
#include "load/board.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int fs_tally_init(struct fs_tally *tally)
{
    memset(tally, 0, sizeof(*tally));
    return fs_latency_init(&tally->latency);
}

void fs_tally_dispose(struct fs_tally *tally)
{
    fs_latency_dispose(&tally->latency);
}

int fs_board_init(struct fs_board *board, uint32_t threads)
{
    memset(board, 0, sizeof(*board));
    pthread_mutex_init(&board->mutex, NULL);
    board->threads = threads;
    board->gauges = calloc(threads, sizeof(*board->gauges));
    if (!board->gauges)
        goto fail;
    for (size_t i = 0; i < FS_BOARD_RING; i++) {
        board->ring[i].second = UINT64_MAX;
        if (fs_latency_init(&board->ring[i].latency) != 0)
            goto fail;
    }
    return 0;

fail:
    fs_board_dispose(board);
    return -ENOMEM;
}

void fs_board_dispose(struct fs_board *board)
{
    for (size_t i = 0; i < FS_BOARD_RING; i++)
        fs_latency_dispose(&board->ring[i].latency);
    free(board->seconds);
    free(board->gauges);
    pthread_mutex_destroy(&board->mutex);
    memset(board, 0, sizeof(*board));
}

/* The row of a second; NULL: no memory. */
static struct fs_load_second *row_of(struct fs_board *board, uint64_t second)
{
    if (second >= board->second_capacity) {
        size_t capacity = 2 * (size_t)second + 64;
        struct fs_load_second *rows = reallocarray(board->seconds, capacity, sizeof(*rows));

        if (!rows)
            return NULL;
        memset(rows + board->second_capacity, 0,
               (capacity - board->second_capacity) * sizeof(*rows));
        board->seconds = rows;
        board->second_capacity = capacity;
    }
    if (second >= board->second_count)
        board->second_count = (size_t)second + 1;
    return &board->seconds[second];
}

static void end_second(struct fs_board *board, size_t slot)
{
    struct fs_latency *latency = &board->ring[slot].latency;
    struct fs_load_second *row = &board->seconds[board->ring[slot].second];

    row->latency_p50_us = fs_latency_percentile(latency, 50);
    row->latency_p99_us = fs_latency_percentile(latency, 99);
    row->latency_max_us = latency->max_us;
    board->totals.latency_p50_us = row->latency_p50_us;
    board->totals.latency_p99_us = row->latency_p99_us;
    fs_latency_reset(latency);
    board->ring[slot].second = UINT64_MAX;
    board->ring[slot].reports = 0;
}

static void add_latency(struct fs_board *board, const struct fs_tally *tally)
{
    size_t slot = tally->second % FS_BOARD_RING;

    if (board->ring[slot].second != tally->second) {
        if (board->ring[slot].second != UINT64_MAX)
            end_second(board, slot);
        board->ring[slot].second = tally->second;
    }
    fs_latency_merge(&board->ring[slot].latency, &tally->latency);
    if (++board->ring[slot].reports == board->threads)
        end_second(board, slot);
}

static void add_row(struct fs_load_second *row, const struct fs_load_second *part)
{
    row->offered += part->offered;
    row->answered += part->answered;
    row->users += part->users;
    row->in_flight += part->in_flight;
    row->sold += part->sold;
    row->sold_units += part->sold_units;
    row->replayed += part->replayed;
    row->errors += part->errors;
    for (size_t i = 0; i < FS_ANSWER_KINDS; i++)
        row->answers[i] += part->answers[i];
    if (part->stage > row->stage)
        row->stage = part->stage;
}

static void add_totals(struct fs_load_progress *totals, const struct fs_tally *tally)
{
    const struct fs_load_second *part = &tally->measured;

    totals->offered += part->offered;
    totals->sent += tally->sent_measured;
    totals->answered += part->answered;
    totals->sold += part->sold;
    totals->sold_units += part->sold_units;
    totals->replayed += part->replayed;
    totals->errors += part->errors;
    for (size_t i = 0; i < FS_ANSWER_KINDS; i++)
        totals->answers[i] += part->answers[i];
}

void fs_board_add(struct fs_board *board, uint32_t thread, struct fs_tally *tally, uint64_t next)
{
    struct fs_load_second *row;

    pthread_mutex_lock(&board->mutex);
    row = row_of(board, tally->second);
    if (row) {
        add_row(row, &tally->all);
        add_latency(board, tally);
    } else {
        board->is_short_of_memory = true;
    }
    add_totals(&board->totals, tally);
    board->gauges[thread].users = tally->all.users;
    board->gauges[thread].in_flight = tally->all.in_flight;
    pthread_mutex_unlock(&board->mutex);
    memset(&tally->all, 0, sizeof(tally->all));
    memset(&tally->measured, 0, sizeof(tally->measured));
    tally->sent_measured = 0;
    tally->second = next;
    fs_latency_reset(&tally->latency);
}

void fs_board_finish(struct fs_board *board)
{
    pthread_mutex_lock(&board->mutex);
    for (size_t i = 0; i < FS_BOARD_RING; i++)
        if (board->ring[i].second != UINT64_MAX)
            end_second(board, i);
    pthread_mutex_unlock(&board->mutex);
}

void fs_board_read(struct fs_board *board, struct fs_load_progress *progress)
{
    pthread_mutex_lock(&board->mutex);
    *progress = board->totals;
    progress->users = 0;
    progress->in_flight = 0;
    for (uint32_t i = 0; i < board->threads; i++) {
        progress->users += board->gauges[i].users;
        progress->in_flight += board->gauges[i].in_flight;
    }
    pthread_mutex_unlock(&board->mutex);
}
