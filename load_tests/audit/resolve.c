/* Lanes of libcurl's multi interface.  A lane takes a share of lookups that belong to one user, logs
 * in as that user, asks for each of them on the same connection, and takes the next share. */
#include "audit/resolve.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "audit/ask.h"
#include "base/clock.h"
#include "purchase/purchase.h"

#define LANES_MAX 64u
#define SHARE_MAX 256u  /* lookups to a log-in: one user's many orders are spread over lanes */
#define TRIES_MAX 3u    /* of a question that is answered 503 or not at all */
#define RETRY_US 50000u /* before it is asked again */
#define POLL_MS 20
#define SILENT_MAX 64u /* questions in a row without any answer: the server is gone */

_Static_assert(FS_ORDER_ID_SIZE == FS_ORDER_ID_LEN + 1, "an order id fits");

struct round;

struct lane {
    struct round *round;
    CURL *curl;
    struct curl_slist *headers; /* with the token; NULL: not logged in */
    struct fs_answer_text text;
    char base[FS_ASK_BASE_SIZE];
    char body[320];
    size_t next, end; /* its share; next is being asked for */
    uint32_t tries;
    uint64_t again_us; /* when to ask again; 0: a question is on its way */
    bool has_token;
    bool is_idle;
};

struct round {
    const struct fs_target *target;
    CURLM *multi;
    struct fs_lookup *lookups;
    size_t count;
    size_t next; /* not dealt yet */
    struct lane *lanes;
    uint32_t lane_count;
    uint32_t busy_count;
    uint32_t silent_count; /* questions in a row without any answer */
    struct fs_lookup_tally *tally;
};

int fs_resolve_order_id(struct fs_order_namer *namer, uint32_t user, const char *key,
                        const char *product, char order_id[FS_ORDER_ID_SIZE])
{
    struct fs_order_id id;
    char buyer[32];
    int rc;

    snprintf(buyer, sizeof(buyer), "user_%" PRIu64, (uint64_t)user + 1);
    rc = fs_order_name(namer, fs_text_of(buyer), fs_text_of(key), fs_text_of(product), &id);
    if (rc != 0)
        return rc;
    memcpy(order_id, id.text, FS_ORDER_ID_LEN);
    order_id[FS_ORDER_ID_LEN] = '\0';
    return 0;
}

static void give_up(struct lane *lane, const char *question, const char *why)
{
    struct fs_lookup_tally *tally = lane->round->tally;

    tally->unanswered++;
    if (tally->problem[0] == '\0')
        snprintf(tally->problem, sizeof(tally->problem), "%s: %.160s", question, why);
}

/* Puts the lane's next question on its way: the log-in when it has no token, else a lookup. */
static void ask(struct lane *lane)
{
    const struct fs_lookup *lookup = &lane->round->lookups[lane->next];
    char url[FS_ASK_BASE_SIZE + 64];

    lane->again_us = 0;
    if (lane->has_token) {
        snprintf(url, sizeof(url), "%s/orders/%.40s", lane->base, lookup->resolved->order_id);
        curl_easy_setopt(lane->curl, CURLOPT_HTTPGET, 1l);
    } else {
        json_t *body = json_pack("{s:o, s:s}", "username",
                                 json_sprintf("user_%" PRIu64, (uint64_t)lookup->user + 1),
                                 "password", lane->round->target->password);
        size_t len = body ? json_dumpb(body, lane->body, sizeof(lane->body) - 1, JSON_COMPACT) : 0;

        lane->body[len < sizeof(lane->body) ? len : 0] = '\0';
        json_decref(body);
        snprintf(url, sizeof(url), "%s/login", lane->base);
        curl_easy_setopt(lane->curl, CURLOPT_POSTFIELDS, lane->body);
    }
    curl_easy_setopt(lane->curl, CURLOPT_URL, url);
    curl_easy_setopt(lane->curl, CURLOPT_HTTPHEADER, lane->headers);
    fs_ask_into(lane->curl, &lane->text);
    curl_multi_add_handle(lane->round->multi, lane->curl);
}

static void drop_token(struct lane *lane)
{
    curl_easy_setopt(lane->curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(lane->headers);
    lane->headers = NULL;
    lane->has_token = false;
}

/* The next share, up to SHARE_MAX lookups of one user. */
static void take_share(struct lane *lane)
{
    struct round *round = lane->round;

    drop_token(lane);
    lane->tries = 0;
    lane->next = lane->end = round->next;
    while (lane->end < round->count && lane->end - lane->next < SHARE_MAX &&
           round->lookups[lane->end].user == round->lookups[lane->next].user)
        lane->end++;
    round->next = lane->end;
    if (lane->next == lane->end) {
        lane->is_idle = true;
        round->busy_count--;
        return;
    }
    ask(lane);
}

static void go_on(struct lane *lane)
{
    lane->tries = 0;
    if (lane->next < lane->end)
        ask(lane);
    else
        take_share(lane);
}

static bool take_token(struct lane *lane, const json_t *answer)
{
    const char *token = json_string_value(json_object_get(answer, "access_token"));
    char *line = NULL;

    if (!token || asprintf(&line, "Authorization: Bearer %s", token) < 0)
        return false;
    lane->headers = curl_slist_append(NULL, line);
    free(line);
    lane->has_token = lane->headers != NULL;
    return lane->has_token;
}

/* What the order is of.  A product's id is a number in JSON when it looks like one. */
static void read_terms(struct fs_resolved *resolved, const json_t *answer)
{
    const json_t *product = json_object_get(answer, "product_id");

    resolved->units = json_integer_value(json_object_get(answer, "quantity"));
    if (json_is_integer(product))
        snprintf(resolved->product, sizeof(resolved->product), "%" JSON_INTEGER_FORMAT,
                 json_integer_value(product));
    else if (json_is_string(product))
        snprintf(resolved->product, sizeof(resolved->product), "%s", json_string_value(product));
}

/* Whether the answer closes the question. */
static bool read_order(struct lane *lane, long status, const json_t *answer)
{
    struct fs_resolved *resolved = lane->round->lookups[lane->next].resolved;
    const char *found = json_string_value(json_object_get(answer, "status"));
    const char *code = json_string_value(json_object_get(answer, "code"));

    if (status == 404 && code && strcmp(code, "unknown_order") == 0)
        resolved->status = FS_RESOLVED_NONE;
    else if (status == 200 && found && strcmp(found, "sold") == 0)
        resolved->status = FS_RESOLVED_SOLD;
    else if (status == 200 && found && strcmp(found, "cancelled") == 0)
        resolved->status = FS_RESOLVED_CANCELLED;
    else
        return false;
    if (status == 200)
        read_terms(resolved, answer);
    return true;
}

static void answered(struct lane *lane, CURLcode code)
{
    const char *question = lane->has_token ? "GET /orders" : "POST /login";
    json_t *answer = NULL;
    long status = 0;
    char why[64];
    bool is_useful = false;

    snprintf(why, sizeof(why), "%s", curl_easy_strerror(code));
    if (code == CURLE_OK) {
        curl_easy_getinfo(lane->curl, CURLINFO_RESPONSE_CODE, &status);
        snprintf(why, sizeof(why), "answered %ld", status);
        answer = json_loadb(lane->text.data ? lane->text.data : "", lane->text.len, 0, NULL);
        is_useful = lane->has_token ? read_order(lane, status, answer)
                                    : status == 200 && take_token(lane, answer);
    }
    json_decref(answer);
    lane->round->silent_count = status == 0 ? lane->round->silent_count + 1 : 0;
    if (is_useful) {
        lane->next += question[0] == 'G';
        go_on(lane);
    } else if (++lane->tries < TRIES_MAX && (status == 0 || status >= 429)) {
        lane->again_us = fs_clock_now_us() + RETRY_US;
    } else if (question[0] == 'G') {
        give_up(lane, question, why);
        lane->next++;
        go_on(lane);
    } else { /* nothing of this user can be asked */
        for (; lane->next < lane->end; lane->next++)
            give_up(lane, question, why);
        take_share(lane);
    }
}

static void take_answers(struct round *round)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(round->multi, &left))) {
        CURLcode code = message->data.result;
        CURL *curl = message->easy_handle;
        struct lane *lane;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(curl, CURLINFO_PRIVATE, &lane);
        curl_multi_remove_handle(round->multi, curl);
        answered(lane, code);
    }
}

static void ask_again(struct round *round)
{
    uint64_t now_us = fs_clock_now_us();

    for (uint32_t i = 0; i < round->lane_count; i++)
        if (!round->lanes[i].is_idle && round->lanes[i].again_us != 0 &&
            round->lanes[i].again_us <= now_us)
            ask(&round->lanes[i]);
}

static void run(struct round *round, uint64_t deadline_us, const atomic_bool *stop)
{
    for (uint32_t i = 0; i < round->lane_count; i++)
        take_share(&round->lanes[i]);
    while (round->busy_count > 0 && round->silent_count < SILENT_MAX &&
           fs_clock_now_us() < deadline_us && !(stop && *stop)) {
        int running;

        if (curl_multi_perform(round->multi, &running) != CURLM_OK)
            return;
        take_answers(round);
        ask_again(round);
        if (round->busy_count > 0)
            curl_multi_poll(round->multi, NULL, 0, POLL_MS, NULL);
    }
}

static void end_lanes(struct round *round)
{
    for (uint32_t i = 0; i < round->lane_count; i++) {
        struct lane *lane = &round->lanes[i];

        if (!lane->curl)
            continue;
        curl_multi_remove_handle(round->multi, lane->curl);
        curl_easy_cleanup(lane->curl);
        curl_slist_free_all(lane->headers);
        fs_answer_text_dispose(&lane->text);
    }
    free(round->lanes);
}

static int begin_lanes(struct round *round)
{
    round->lanes = calloc(round->lane_count, sizeof(*round->lanes));
    if (!round->lanes)
        return -ENOMEM;
    for (uint32_t i = 0; i < round->lane_count; i++) {
        struct lane *lane = &round->lanes[i];

        lane->round = round;
        lane->curl = curl_easy_init();
        if (!lane->curl)
            return -ENOMEM;
        fs_ask_configure(lane->curl, round->target->host, round->target->port, lane->base);
        curl_easy_setopt(lane->curl, CURLOPT_PRIVATE, lane);
    }
    round->busy_count = round->lane_count;
    return 0;
}

int fs_resolve(const struct fs_target *target, struct fs_lookup *lookups, size_t count,
               uint32_t lanes, uint64_t deadline_us, const atomic_bool *stop,
               struct fs_lookup_tally *tally)
{
    struct round round = {.target = target,
                          .lookups = lookups,
                          .count = count,
                          .lane_count = lanes < 1           ? 1
                                        : lanes > LANES_MAX ? LANES_MAX
                                                            : lanes,
                          .tally = tally};
    int rc;

    *tally = (struct fs_lookup_tally){0};
    for (size_t i = 0; i < count; i++)
        lookups[i].resolved->status = FS_RESOLVED_UNKNOWN;
    if (count == 0)
        return 0;
    round.multi = curl_multi_init();
    if (!round.multi)
        return -ENOMEM;
    rc = begin_lanes(&round);
    if (rc == 0)
        run(&round, deadline_us, stop);
    if (rc == 0 && round.busy_count > 0) {
        if (tally->problem[0] == '\0')
            snprintf(tally->problem, sizeof(tally->problem),
                     "lookups were ended before all were made");
        tally->unanswered = 0;
        for (size_t i = 0; i < count; i++)
            tally->unanswered += lookups[i].resolved->status == FS_RESOLVED_UNKNOWN;
    }
    end_lanes(&round);
    curl_multi_cleanup(round.multi);
    return rc;
}
