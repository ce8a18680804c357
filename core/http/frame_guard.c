/* A reader of frames in front of h2o 2.2.5's.
 *
 * h2o keeps for each connection the function that reads what comes next.  This guard takes its place,
 * looks at each whole frame, and hands it on, drops it, or refuses the connection.  That needs no
 * patched library, no symbol of h2o's in ours, and works however this library is linked or loaded;
 * it needs the layout of h2o's connection, which fs_http2_prove() tries out at each start.
 *
 * What is kept from h2o, and why:
 *   - a change of the window of a stream that is all sent: h2o would activate it again while it waits for
 *     the end of its write, and abort by an assertion.  Windows of any size are safe with that: h2o
 *     activates a stream twice only from a window of 0 or less, which a stream that is all sent is never
 *     seen to have here (a WINDOW_UPDATE for it is dropped, a SETTINGS frame finds it at 1), and a stream
 *     with something left to send is in no other list;
 *   - requests without a path: the stream is reset, as RFC 9113 wants it, after h2o has done with it;
 *   - more than FS_HTTP2_FIELDS_MAX headers or FS_HTTP2_BLOCK_LEN_MAX bytes of them: h2o has no limit
 *     on the first, and 400 KiB for the second;
 *   - requests that hold more memory than all connections may (http2_memory.c);
 *   - more resets than a budget, by the client's frame or by ours for a client's fault: each is work
 *     begun for nothing (CVE-2023-44487, CVE-2025-8671);
 *   - more frames that ask for nothing than a budget: pings, settings, empty data, pieces of headers
 *     (CVE-2019-9512, -9515, -9518, CVE-2024-27316 and their like);
 *   - frames of unknown types: h2o writes a line to standard error for each;
 *   - priorities: RFC 9113 has given them up, and a tree that a client builds is work for us;
 *   - the rest of a body that is too large: h2o would reset the stream, and 413 be never answered. */
#include "http/frame_guard.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <h2o.h>
#include <h2o/http2.h>
#include <h2o/http2_internal.h>

#include "base/clock.h"
#include "base/limits.h"
#include "http/header_block.h"
#include "http/http2.h"
#include "http/http2_memory.h"

#define TABLE_MIN 4096u        /* likewise; h2o never takes a smaller one to heart */
#define DATA_LEN_SMALL 256u    /* bytes of a body's piece that is not the last */
#define SETTINGS_LEN_SMALL 60u /* bytes: ten settings */
#define PRIORITY_LEN 5u        /* bytes, in a frame of its own or before headers */
#define WEIGHT_DEFAULT 15u     /* 16, as it is sent */
#define US_PER_SECOND 1000000u

enum verdict { HAND_ON = 1, DROP, REFUSE, CUT_BODY };

static struct fs_frame_guard *guard_of(const h2o_http2_conn_t *conn)
{
    struct fs_connection_guard *connection = conn->sock->on_close.data;

    return &connection->http2->frames;
}

static enum verdict refuse_as(struct fs_frame_guard *guard, int error, const char *reason)
{
    guard->is_refusing = true;
    guard->error = error;
    guard->reason = reason;
    return REFUSE;
}

static enum verdict refuse(struct fs_frame_guard *guard, const char *reason)
{
    return refuse_as(guard, H2O_HTTP2_ERROR_ENHANCE_YOUR_CALM, reason);
}

/* Adds what time has given back; a budget that nobody touches is full. */
static void refill(struct fs_budget *budget, uint32_t max, uint32_t per_second)
{
    uint64_t now_us = fs_clock_now_us();
    uint64_t given;

    if (budget->counted_from_us == 0) {
        *budget = (struct fs_budget){max, now_us};
        return;
    }
    given = (now_us - budget->counted_from_us) * per_second / US_PER_SECOND;
    if (given == 0)
        return;
    budget->counted_from_us += given * US_PER_SECOND / per_second;
    budget->left = given >= max - budget->left ? max : budget->left + (uint32_t)given;
}

static enum verdict charge(struct fs_frame_guard *guard, uint32_t count, enum verdict otherwise)
{
    struct fs_budget *budget = &guard->idle_frames;

    if (budget->left < count || budget->counted_from_us == 0)
        refill(budget, FS_HTTP2_IDLE_FRAMES_MAX, FS_HTTP2_IDLE_FRAMES_PER_SECOND);
    if (budget->left < count)
        return refuse(guard, "too many frames that ask for nothing");
    budget->left -= count;
    return otherwise;
}

static void repay(struct fs_frame_guard *guard)
{
    struct fs_budget *budget = &guard->idle_frames;

    budget->left += FS_HTTP2_IDLE_FRAMES_PER_REQUEST;
    if (budget->left > FS_HTTP2_IDLE_FRAMES_MAX)
        budget->left = FS_HTTP2_IDLE_FRAMES_MAX;
}

static bool may_reset(struct fs_frame_guard *guard)
{
    refill(&guard->resets, FS_HTTP2_RESETS_MAX, FS_HTTP2_RESETS_PER_SECOND);
    return guard->resets.left > 0;
}

/* All of its answer is in a buffer of the connection: only h2o's end of the write is awaited. */
static bool is_sent(const h2o_http2_stream_t *stream)
{
    return stream->state == H2O_HTTP2_STREAM_STATE_END_STREAM;
}

static bool is_live(h2o_http2_conn_t *conn, uint32_t stream_id)
{
    const h2o_http2_stream_t *stream = h2o_http2_conn_get_stream(conn, stream_id);

    return stream && !is_sent(stream);
}

/* h2o would do this for a frame that it had read. */
static void give_window_back(h2o_http2_conn_t *conn, uint32_t len)
{
    const uint32_t full = H2O_HTTP2_SETTINGS_HOST.initial_window_size;
    ssize_t window;

    h2o_http2_window_consume_window(&conn->_input_window, len);
    window = h2o_http2_window_get_window(&conn->_input_window);
    if (window * 2 >= (ssize_t)full)
        return;
    h2o_http2_encode_window_update_frame(&conn->_write.buf, 0, (int32_t)((ssize_t)full - window));
    h2o_http2_window_update(&conn->_input_window, (ssize_t)full - window);
    h2o_http2_conn_request_write(conn);
}

static enum verdict judge_data(struct fs_frame_guard *guard, const h2o_http2_frame_t *frame)
{
    h2o_http2_conn_t *conn = guard->conn;
    const h2o_http2_stream_t *stream;
    h2o_http2_data_payload_t payload;
    const char *ignored;

    if (frame->stream_id != 0 && frame->stream_id == guard->cut_stream) {
        give_window_back(conn, frame->length);
        return charge(guard, 1, DROP);
    }
    stream = h2o_http2_conn_get_stream(conn, frame->stream_id);
    if (!stream || stream->state != H2O_HTTP2_STREAM_STATE_RECV_BODY ||
        h2o_http2_decode_data_payload(&payload, frame, &ignored) != 0)
        return charge(guard, 1, HAND_ON);
    if (stream->_req_body->size + payload.length > FS_BODY_LEN_MAX)
        return CUT_BODY;
    if (payload.length < DATA_LEN_SMALL && (frame->flags & H2O_HTTP2_FRAME_FLAG_END_STREAM) == 0)
        return charge(guard, 1, HAND_ON);
    return HAND_ON;
}

static enum verdict judge_block(struct fs_frame_guard *guard, const uint8_t *block, size_t len)
{
    int count = fs_header_block_count(block, len, FS_HTTP2_FIELDS_MAX);

    if (count == -E2BIG)
        return refuse(guard, "too many headers");
    if (count >= 0 &&
        fs_http2_hold(FS_CONTAINER_OF(guard, struct fs_http2, frames), (size_t)count, len) != 0)
        return refuse(guard, "requests of all connections hold too much memory");
    if (count < 0) /* h2o takes a name without a byte for one */
        return refuse_as(guard, H2O_HTTP2_ERROR_COMPRESSION, "no block of headers");
    return HAND_ON;
}

/* In place, where h2o reads it next. */
static void forget_priority(h2o_http2_conn_t *conn, const h2o_http2_frame_t *frame, size_t at)
{
    const size_t start = (size_t)(frame->payload - (const uint8_t *)conn->sock->input->bytes) + at;
    uint8_t *priority = (uint8_t *)conn->sock->input->bytes + start;
    uint32_t dependency = h2o_http2_decode32u(priority) & 0x7fffffff;

    if (dependency == frame->stream_id)
        return; /* an error that h2o finds */
    memset(priority, 0, PRIORITY_LEN - 1);
    priority[PRIORITY_LEN - 1] = WEIGHT_DEFAULT;
}

static enum verdict judge_headers(struct fs_frame_guard *guard, const h2o_http2_frame_t *frame)
{
    h2o_http2_conn_t *conn = guard->conn;
    bool is_padded = (frame->flags & H2O_HTTP2_FRAME_FLAG_PADDED) != 0;
    bool has_priority = (frame->flags & H2O_HTTP2_FRAME_FLAG_PRIORITY) != 0;
    size_t start = (is_padded ? 1u : 0u) + (has_priority ? PRIORITY_LEN : 0u);
    size_t padding = is_padded && frame->length > 0 ? frame->payload[0] : 0;

    if (frame->length < start + padding)
        return charge(guard, 1, HAND_ON); /* h2o refuses it */
    if (has_priority)
        forget_priority(conn, frame, is_padded ? 1 : 0);
    guard->has_trailers = frame->stream_id <= conn->pull_stream_ids.max_open;
    if (!guard->has_trailers)
        repay(guard);
    guard->block_len = (uint32_t)(frame->length - start - padding);
    if ((frame->flags & H2O_HTTP2_FRAME_FLAG_END_HEADERS) != 0)
        return judge_block(guard, frame->payload + start, guard->block_len);
    guard->is_in_block = true;
    return charge(guard, 1, HAND_ON);
}

static enum verdict judge_continuation(struct fs_frame_guard *guard, const h2o_http2_frame_t *frame)
{
    const h2o_buffer_t *begun = guard->conn->_headers_unparsed;
    uint8_t block[FS_HTTP2_BLOCK_LEN_MAX];

    if (!guard->is_in_block || !begun)
        return charge(guard, 1, HAND_ON); /* h2o refuses it */
    guard->block_len += frame->length;
    if (guard->block_len > FS_HTTP2_BLOCK_LEN_MAX)
        return refuse(guard, "too many bytes of headers");
    if ((frame->flags & H2O_HTTP2_FRAME_FLAG_END_HEADERS) == 0)
        return charge(guard, 1, HAND_ON);
    guard->is_in_block = false;
    if (begun->size + frame->length > sizeof(block))
        return refuse(guard, "too many bytes of headers");
    memcpy(block, begun->bytes, begun->size);
    memcpy(block + begun->size, frame->payload, frame->length);
    return judge_block(guard, block, begun->size + frame->length);
}

static enum verdict judge_priority(struct fs_frame_guard *guard, const h2o_http2_frame_t *frame)
{
    bool is_sound = frame->stream_id != 0 && frame->length == PRIORITY_LEN &&
                    (h2o_http2_decode32u(frame->payload) & 0x7fffffff) != frame->stream_id;

    return charge(guard, 1, is_sound ? DROP : HAND_ON);
}

static enum verdict judge_reset(struct fs_frame_guard *guard, const h2o_http2_frame_t *frame)
{
    if (!is_live(guard->conn, frame->stream_id))
        return charge(guard, 1, HAND_ON);
    return may_reset(guard) ? HAND_ON : refuse(guard, "too many resets");
}

/* Whatever a change of the window does to them, they are not activated again. */
static void settle_sent_streams(h2o_http2_conn_t *conn)
{
    for (uint32_t i = 0; i < kh_end(conn->streams); i++)
        if (fs_kh_flags(conn->streams->flags, i) == 0 && is_sent(kh_val(conn->streams, i)))
            kh_val(conn->streams, i)->output_window._avail = 1;
}

static enum verdict judge_settings(struct fs_frame_guard *guard, const h2o_http2_frame_t *frame)
{
    guard->has_settings = true;
    if ((frame->flags & H2O_HTTP2_FRAME_FLAG_ACK) != 0)
        return charge(guard, 1, HAND_ON);
    for (uint32_t at = 0; at + 6 <= frame->length; at += 6) {
        uint16_t name = h2o_http2_decode16u(frame->payload + at);
        uint32_t value = h2o_http2_decode32u(frame->payload + at + 2);

        if (name == H2O_HTTP2_SETTINGS_HEADER_TABLE_SIZE && value < TABLE_MIN)
            return refuse(guard, "SETTINGS_HEADER_TABLE_SIZE below 4096 is not served");
    }
    settle_sent_streams(guard->conn);
    return charge(guard, 1 + frame->length / SETTINGS_LEN_SMALL, HAND_ON);
}

static enum verdict judge_window_update(struct fs_frame_guard *guard,
                                        const h2o_http2_frame_t *frame)
{
    const h2o_http2_stream_t *stream = h2o_http2_conn_get_stream(guard->conn, frame->stream_id);
    bool is_late = frame->length == 4 && stream && is_sent(stream);

    return charge(guard, 1, is_late ? DROP : HAND_ON);
}

static enum verdict judge(struct fs_frame_guard *guard, const h2o_http2_frame_t *frame)
{
    if (guard->is_refusing)
        return REFUSE;
    if (guard->is_in_block && frame->type != H2O_HTTP2_FRAME_TYPE_CONTINUATION)
        return HAND_ON; /* h2o refuses it */
    switch (frame->type) {
    case H2O_HTTP2_FRAME_TYPE_DATA:
        return judge_data(guard, frame);
    case H2O_HTTP2_FRAME_TYPE_HEADERS:
        return judge_headers(guard, frame);
    case H2O_HTTP2_FRAME_TYPE_PRIORITY:
        return judge_priority(guard, frame);
    case H2O_HTTP2_FRAME_TYPE_RST_STREAM:
        return judge_reset(guard, frame);
    case H2O_HTTP2_FRAME_TYPE_SETTINGS:
        return judge_settings(guard, frame);
    case H2O_HTTP2_FRAME_TYPE_WINDOW_UPDATE:
        return judge_window_update(guard, frame);
    case H2O_HTTP2_FRAME_TYPE_CONTINUATION:
        return judge_continuation(guard, frame);
    case H2O_HTTP2_FRAME_TYPE_PUSH_PROMISE:
    case H2O_HTTP2_FRAME_TYPE_PING:
    case H2O_HTTP2_FRAME_TYPE_GOAWAY:
        return charge(guard, 1, HAND_ON);
    default:
        return charge(guard, 1, DROP);
    }
}

static ssize_t hand_on(struct fs_frame_guard *guard, const uint8_t *data, size_t len,
                       const char **reason)
{
    return guard->next(guard->conn, data, len, reason);
}

/* Hands a frame on, and counts it when a stream that was at work is gone after it: by the client's
 * word, or by h2o's for a fault of the client's. */
static ssize_t hand_on_counted(struct fs_frame_guard *guard, const h2o_http2_frame_t *frame,
                               const uint8_t *data, size_t len, const char **reason)
{
    h2o_http2_conn_t *conn = guard->conn;
    bool is_new = frame->type == H2O_HTTP2_FRAME_TYPE_HEADERS && frame->stream_id % 2 == 1 &&
                  frame->stream_id > conn->pull_stream_ids.max_open;
    bool was_live = frame->stream_id != 0 && (is_new || is_live(conn, frame->stream_id));
    ssize_t used = hand_on(guard, data, len, reason);

    if (used < 0 || !was_live || is_live(conn, frame->stream_id))
        return used;
    if (may_reset(guard))
        guard->resets.left--;
    else
        refuse(guard, "too many resets");
    return used;
}

/* Resets the stream of a request that its handler left alone, now that h2o is out of it. */
static void reset_malformed(struct fs_frame_guard *guard)
{
    h2o_http2_conn_t *conn = guard->conn;
    uint32_t stream_id = guard->malformed_stream;
    h2o_http2_stream_t *stream = h2o_http2_conn_get_stream(conn, stream_id);

    guard->malformed_stream = 0;
    if (!stream)
        return;
    if (may_reset(guard))
        guard->resets.left--;
    else
        refuse(guard, "too many resets");
    h2o_http2_encode_rst_stream_frame(&conn->_write.buf, stream_id, -H2O_HTTP2_ERROR_PROTOCOL);
    h2o_http2_stream_close(conn, stream);
    h2o_http2_conn_request_write(conn);
}

/* h2o is shown a body that ends one byte past what a request may have: that is answered by 413. */
static ssize_t cut_body(struct fs_frame_guard *guard, const h2o_http2_frame_t *frame,
                        const char **reason)
{
    h2o_http2_conn_t *conn = guard->conn;
    h2o_http2_stream_t *stream = h2o_http2_conn_get_stream(conn, frame->stream_id);
    uint8_t cut[H2O_HTTP2_FRAME_HEADER_SIZE + FS_BODY_LEN_MAX + 1];
    h2o_http2_data_payload_t payload;
    size_t missing = FS_BODY_LEN_MAX + 1 - stream->_req_body->size;
    ssize_t used;

    h2o_http2_decode_data_payload(&payload, frame, reason);
    assert(missing <= payload.length);
    h2o_http2_encode_frame_header(cut, missing, H2O_HTTP2_FRAME_TYPE_DATA,
                                  H2O_HTTP2_FRAME_FLAG_END_STREAM, (int32_t)frame->stream_id);
    memcpy(cut + H2O_HTTP2_FRAME_HEADER_SIZE, payload.data, missing);
    stream->_expected_content_length = SIZE_MAX;
    guard->cut_stream = frame->stream_id;
    used = hand_on(guard, cut, H2O_HTTP2_FRAME_HEADER_SIZE + missing, reason);
    if (used < 0)
        return used;
    give_window_back(conn, (uint32_t)(frame->length - missing));
    return H2O_HTTP2_FRAME_HEADER_SIZE + (ssize_t)frame->length;
}

static ssize_t read_frame(struct fs_frame_guard *guard, const uint8_t *data, size_t len,
                          const char **reason)
{
    h2o_http2_frame_t frame;
    ssize_t size = h2o_http2_decode_frame(&frame, data, len, &H2O_HTTP2_SETTINGS_HOST, reason);

    if (size < 0)
        return size;
    guard->frame_count++;
    if (!guard->has_settings && frame.type != H2O_HTTP2_FRAME_TYPE_SETTINGS) {
        *reason = "the first frame is not SETTINGS";
        return H2O_HTTP2_ERROR_PROTOCOL;
    }
    switch (judge(guard, &frame)) {
    case DROP:
        return size;
    case CUT_BODY:
        return cut_body(guard, &frame, reason);
    case REFUSE:
        *reason = guard->reason;
        return guard->error;
    case HAND_ON:
    default:
        return hand_on_counted(guard, &frame, data, len, reason);
    }
}

static ssize_t read_preface(struct fs_frame_guard *guard, const uint8_t *data, size_t len,
                            const char **reason)
{
    ssize_t used = hand_on(guard, data, len, reason);

    guard->has_preface = used >= 0;
    return used;
}

/* Stands where h2o's reader stood; h2o changes it from within, and finds it as it left it. */
static ssize_t on_frame(h2o_http2_conn_t *conn, const uint8_t *data, size_t len,
                        const char **reason)
{
    struct fs_frame_guard *guard = guard_of(conn);
    ssize_t used;

    conn->_read_expect = guard->next;
    used = guard->has_preface ? read_frame(guard, data, len, reason)
                              : read_preface(guard, data, len, reason);
    if (guard->malformed_stream != 0)
        reset_malformed(guard);
    guard->next = conn->_read_expect;
    conn->_read_expect = on_frame;
    if (!guard->is_in_block)
        guard->has_trailers = false;
    if (used == 0) /* h2o would read the same again, for ever */
        used = H2O_HTTP2_ERROR_INTERNAL;
    /* Its last words may wait for a peer that reads nothing but goes on sending. */
    if (used < 0 && used != H2O_HTTP2_ERROR_INCOMPLETE)
        h2o_socket_read_stop(conn->sock);
    return used;
}

void fs_frame_guard_open(struct fs_frame_guard *guard, h2o_http2_conn_t *conn)
{
    guard->conn = conn;
    guard->next = conn->_read_expect;
    conn->_read_expect = on_frame;
}
