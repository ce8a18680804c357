/* One byte of a block of headers may name a header that was sent before, so 21 KB sent make requests of
 * 1.7 MB, and a hundred of them on each connection may wait for their bodies.  Bounds for a request and
 * for a connection are not enough: 300 connections held 505 MB.  So all connections share a budget.
 *
 * A request is charged when its headers come, by an upper bound.  What ended is found by counting the
 * open streams again, when a connection's charge has grown and at each sweep: h2o closes streams in
 * many places, none of which can be watched. */
#include "http/http2_memory.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>

#include <h2o/http2.h>
#include <h2o/http2_internal.h>

#define STREAM_COST 4096u /* bytes: h2o's stream, the first chunk of its pool */
/* Bytes of a header: h2o's vector doubles within a pool that keeps its former halves. */
#define FIELD_COST (4u * sizeof(h2o_header_t))
#define TEXT_COST 2u        /* bytes of text for a byte sent: Huffman codes have 5 bits or more */
#define RECOUNT_FROM 65536u /* bytes that a connection is charged, before it is counted again */
#define SMALL 32768u        /* bytes: a connection with less goes on when others hold too much */
#define TRIM_FROM 16777216u /* bytes */

static void charge(struct fs_http2 *http2, uint64_t held)
{
    struct fs_http_server *server = http2->connection->http->server;
    uint64_t total = atomic_fetch_add(&server->http2_held, held - http2->held) + held - http2->held;
    uint64_t peak = atomic_load(&server->http2_held_peak);

    http2->held = held;
    while (total > peak && !atomic_compare_exchange_weak(&server->http2_held_peak, &peak, total))
        ;
}

void fs_http2_recount(struct fs_http2 *http2)
{
    const h2o_http2_conn_t *conn = http2->frames.conn;
    uint64_t held = 0;

    if (http2->held == 0 || !fs_http2_is_open(http2))
        return;
    for (uint32_t i = 0; i < kh_end(conn->streams); i++) {
        const h2o_http2_stream_t *stream;

        if (fs_kh_flags(conn->streams->flags, i) != 0)
            continue;
        stream = kh_val(conn->streams, i);
        held += STREAM_COST + stream->req.headers.size * FIELD_COST;
        if (stream->_req_body)
            held += stream->_req_body->capacity;
    }
    charge(http2, held);
    http2->recount_at = held + RECOUNT_FROM;
}

int fs_http2_hold(struct fs_http2 *http2, size_t field_count, size_t block_len)
{
    struct fs_http_server *server = http2->connection->http->server;
    uint64_t max = server->http2_held_max;

    charge(http2, http2->held + STREAM_COST + field_count * FIELD_COST + block_len * TEXT_COST);
    if (http2->held >= (http2->recount_at > 0 ? http2->recount_at : RECOUNT_FROM))
        fs_http2_recount(http2);
    if (max == 0 || atomic_load(&server->http2_held) <= max)
        return 0;
    fs_http2_recount(http2);
    if (atomic_load(&server->http2_held) <= max ||
        (http2->held <= SMALL && atomic_load(&server->http2_held) <= 2 * max))
        return 0;
    return -ENOBUFS;
}

void fs_http2_release(struct fs_http2 *http2)
{
    charge(http2, 0);
}

void fs_http2_trim(struct fs_http_server *server)
{
    uint64_t peak = atomic_load(&server->http2_held_peak);
    uint64_t held = atomic_load(&server->http2_held);

    if (peak >= TRIM_FROM && held < peak / 2 &&
        atomic_compare_exchange_strong(&server->http2_held_peak, &peak, held))
        malloc_trim(0);
}
