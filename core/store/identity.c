/* Reads, judges and claims manifests; identity.h says when which is done. */
#include "store/identity.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "base/text.h"
#include "store/session.h"

#define HEAD "flashsale-data 1 "
#define CLAIMS_MAX 8 /* attempts, each of which another process may overtake */

/* What a manifest says. */
struct manifest {
    bool is_there;
    bool is_unused;
    char text[FS_MANIFEST_SIZE]; /* without the mark */
    char id[FS_DATA_ID_LEN + 1];
    char family[32];
    unsigned index;
    unsigned count;
    const char *prefix; /* into text */
};

/* What one server holds. */
struct found {
    struct manifest manifest;
    bool has_data;
    char raw[FS_MANIFEST_SIZE]; /* as it is there; "": none */
};

__attribute__((format(printf, 2, 3))) static int refuse(struct fs_error *error, const char *format,
                                                        ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    return -EINVAL;
}

int fs_data_id_make(char id[FS_DATA_ID_LEN + 1])
{
    unsigned char bytes[FS_DATA_ID_LEN / 2];

    if (RAND_bytes(bytes, sizeof(bytes)) != 1)
        return -EIO;
    for (size_t i = 0; i < sizeof(bytes); i++)
        snprintf(id + 2 * i, 3, "%02x", bytes[i]);
    return 0;
}

/* The strategies of a family, for people. */
static const char *strategies_of(const char *family)
{
    return strcmp(family, "ledger") == 0   ? "v2 or v3"
           : strcmp(family, "shards") == 0 ? "v4"
                                           : family;
}

static bool parse(struct fs_text text, struct manifest *manifest)
{
    static const struct fs_text mark = {FS_MANIFEST_UNUSED, sizeof(FS_MANIFEST_UNUSED) - 1};
    struct manifest read = {.is_there = true};
    int prefix_at = 0;

    if (text.len >= sizeof(read.text))
        return false;
    memcpy(read.text, text.data, text.len);
    if (text.len > mark.len && memcmp(text.data + text.len - mark.len, mark.data, mark.len) == 0) {
        read.is_unused = true;
        read.text[text.len - mark.len] = '\0';
    }
    /* Numbers are bounded by the sizes of their fields. */
    if (sscanf(read.text, HEAD "%32[0-9a-f] %31[a-z0-9_] %4u/%4u %n", read.id, read.family,
               &read.index, &read.count, &prefix_at) != 4 ||
        prefix_at == 0 || strlen(read.id) != FS_DATA_ID_LEN)
        return false;
    *manifest = read;
    manifest->prefix = manifest->text + prefix_at;
    return true;
}

static void write_expected(struct fs_data_identity *identity, const char *family,
                           const char *prefix)
{
    for (unsigned i = 0; i < identity->count; i++)
        snprintf(identity->expected[i], sizeof(identity->expected[i]), HEAD "%s %s %u/%u %s",
                 identity->id, family, i, identity->count, prefix);
}

static int say_different(const struct manifest *found, const struct manifest *ours,
                         const char *name, struct fs_error *error)
{
    if (strcmp(found->family, ours->family) != 0)
        return refuse(
            error,
            "Redis at %s holds sales of strategy %s, and this server's strategy is of the "
            "family \"%s\": start with strategy %s, or carry closed sales over with "
            "the steps of docs/operations.md",
            name, strategies_of(found->family), ours->family, strategies_of(found->family));
    if (found->count != ours->count)
        return refuse(error,
                      "Redis at %s is one of %u servers of its sale data, and %u are named: name "
                      "all of them, in the order in which they were first used; the steps of "
                      "docs/redis.md show what each holds",
                      name, found->count, ours->count);
    if (found->index != ours->index)
        return refuse(error,
                      "Redis at %s is server %u of its sale data, and is named as number %u: name "
                      "the servers in the order in which they were first used",
                      name, found->index + 1, ours->index + 1);
    return refuse(
        error,
        "Redis at %s holds other sale data (%.8s) than this server's (%.8s): name the "
        "servers and the data folder that belong together; the steps of docs/redis.md show "
        "what each holds",
        name, found->id, ours->id);
}

enum fs_identity_state fs_identity_judge(struct fs_data_identity *identity, unsigned index,
                                         struct fs_text text, struct fs_error *why)
{
    unsigned i = identity->is_cluster ? 0 : index;
    enum fs_identity_state state = FS_IDENTITY_FOREIGN;
    struct manifest ours;
    struct manifest found;
    char name[32];

    snprintf(name, sizeof(name), "store %u", index);
    (void)parse(fs_text_of(identity->expected[i]), &ours);
    if (!text.data) {
        state = FS_IDENTITY_LOST;
        refuse(
            why,
            "%s has lost its manifest, and with it perhaps sales: what it held answers 503 until "
            "it is reset; after that, or once its data is restored, the steps of docs/redis.md "
            "write "
            "the manifest",
            name);
    } else if (!parse(text, &found)) {
        refuse(why, "%s has a manifest that this version does not know: %.*s", name,
               (int)(text.len < 64 ? text.len : 64), text.data);
    } else if (strcmp(found.text, identity->expected[i]) == 0) {
        state = FS_IDENTITY_OURS;
    } else {
        say_different(&found, &ours, name, why);
    }
    atomic_store(&identity->states[index], state);
    return state;
}

/* Asking servers */

static bool is_sale_key(struct fs_text key)
{
    static const char *const ends[] = {"}:sale", "}:orders",  "}:buyers",
                                       "}:log",  "}:changes", "}:layout"};

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        size_t len = strlen(ends[i]);

        if (key.len > len && memcmp(key.data + key.len - len, ends[i], len) == 0)
            return true;
    }
    return false;
}

/* Of a glob pattern: each byte of the prefix stands for itself. */
static void write_pattern(char *pattern, size_t size, const char *prefix)
{
    size_t at = 0;

    for (; *prefix && at + 8 < size; prefix++) {
        pattern[at++] = '\\';
        pattern[at++] = *prefix;
    }
    snprintf(pattern + at, size - at, "{*}:*");
}

/* Walks all keys, which a first start does once. */
static int look_for_data(redisContext *session, const char *prefix, bool *has_data)
{
    char pattern[160];
    char cursor[24] = "0";

    write_pattern(pattern, sizeof(pattern), prefix);
    do {
        redisReply *reply = fs_session_ask(session, "SCAN", cursor, "MATCH", pattern, "COUNT",
                                           "1000", (char *)NULL);
        bool is_page = reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2;

        if (is_page) {
            const redisReply *keys = reply->element[1];

            snprintf(cursor, sizeof(cursor), "%s", reply->element[0]->str);
            for (size_t i = 0; i < keys->elements; i++)
                *has_data |=
                    is_sale_key((struct fs_text){keys->element[i]->str, keys->element[i]->len});
        }
        if (reply)
            freeReplyObject(reply);
        if (!is_page)
            return -EIO;
    } while (strcmp(cursor, "0") != 0 && !*has_data);
    return 0;
}

/* Returns 0, -EAGAIN for a node of a cluster on which the key does not live, or -EIO, -EINVAL with a
 * sentence. */
static int read_manifest(redisContext *session, const char *key, const char *name,
                         struct found *found, struct fs_error *error)
{
    redisReply *reply = fs_session_ask(session, "GET", key, (char *)NULL);
    int rc = 0;

    if (!reply) {
        rc = refuse(error, "Redis at %s does not answer: %s", name, session->errstr) * 0 - EIO;
    } else if (reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "MOVED", 5) == 0) {
        rc = -EAGAIN;
    } else if (reply->type == REDIS_REPLY_ERROR) {
        rc = refuse(error, "Redis at %s does not show its manifest, %s: %s", name, key, reply->str);
    } else if (reply->type == REDIS_REPLY_STRING) {
        struct fs_text text = {reply->str, reply->len};

        if (!parse(text, &found->manifest))
            rc = refuse(error, "Redis at %s has a manifest that this version does not know: %.64s",
                        name, reply->str);
        else
            memcpy(found->raw, reply->str, reply->len + 1);
    }
    if (reply)
        freeReplyObject(reply);
    return rc;
}

struct claim {
    struct fs_data_identity *identity;
    const struct fs_topology *topology;
    const struct fs_identity_options *options;
    uint64_t timeout_us;
    struct found found[FS_STORE_NODES_MAX]; /* by server; of a cluster the first has the manifest */
};

static int look_at(struct claim *claim, unsigned index, struct fs_error *error)
{
    const struct fs_node *node = &claim->topology->nodes[index];
    struct found found = {.raw = ""};
    redisContext *session = NULL;
    int rc = fs_session_open(node, claim->timeout_us, &session, error);

    if (rc != 0)
        return rc;
    rc = read_manifest(session, claim->identity->key, node->name, &found, error);
    if (rc == -EAGAIN)
        rc = 0;
    if (rc == 0 && !found.manifest.is_there) {
        rc = look_for_data(session, claim->options->prefix, &found.has_data);
        if (rc != 0)
            refuse(error, "Redis at %s does not answer SCAN: allow the user +scan", node->name);
    }
    fs_session_close(session);
    if (claim->identity->is_cluster && index > 0) {
        bool has_data = claim->found[0].has_data || found.has_data;

        if (found.manifest.is_there)
            claim->found[0] = found;
        claim->found[0].has_data = has_data;
    } else {
        claim->found[index] = found;
    }
    /* The prefix points into the text, which was copied. */
    index = claim->identity->is_cluster ? 0 : index;
    if (claim->found[index].manifest.is_there)
        (void)parse(fs_text_of(claim->found[index].raw), &claim->found[index].manifest);
    return rc;
}

/* Sets the manifest where it is still what was read.  Returns 1 when it did, 0 when another process was
 * faster or the key lives elsewhere, or a negative errno. */
static int compare_and_set(const struct claim *claim, unsigned index, const char *old,
                           const char *new, struct fs_error *error)
{
    static const char source[] =
        "if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end "
        "redis.call('SET', KEYS[1], ARGV[2]) return 1";
    const struct fs_node *node = &claim->topology->nodes[index];
    redisContext *session = NULL;
    redisReply *reply;
    int rc = fs_session_open(node, claim->timeout_us, &session, error);

    if (rc != 0)
        return rc;
    reply =
        fs_session_ask(session, "EVAL", source, "1", claim->identity->key, old, new, (char *)NULL);
    if (reply && reply->type == REDIS_REPLY_INTEGER)
        rc = (int)reply->integer;
    else if (reply && reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "MOVED", 5) == 0)
        rc = 0;
    else
        rc = refuse(error, "Redis at %s does not take its manifest: %s", node->name,
                    reply ? reply->str : session->errstr);
    if (reply)
        freeReplyObject(reply);
    fs_session_close(session);
    return rc;
}

/* Judging what all of them hold */

static const char *name_of(const struct claim *claim, unsigned index)
{
    return claim->topology->nodes[index].name;
}

/* The manifest that all of the data goes by: one in use where there is one; NULL: none. */
static const struct manifest *first_of(const struct claim *claim)
{
    const struct manifest *first = NULL;

    for (unsigned i = 0; i < claim->identity->count; i++) {
        const struct manifest *manifest = &claim->found[i].manifest;

        if (manifest->is_there && (!first || (first->is_unused && !manifest->is_unused)))
            first = manifest;
    }
    return first;
}

static bool has_any_data(const struct claim *claim)
{
    for (unsigned i = 0; i < claim->identity->count; i++)
        if (claim->found[i].has_data)
            return true;
    return false;
}

/* No sale was ever made here: whatever claimed it before may be replaced.  Never on a cluster, where
 * the script that makes a sale does not see the manifest. */
static bool is_fresh(const struct claim *claim)
{
    const struct manifest *first = first_of(claim);

    return !has_any_data(claim) && !claim->options->is_used &&
           (!first || (first->is_unused && !claim->identity->is_cluster));
}

static int judge_absent(const struct claim *claim, unsigned i, const struct manifest *first,
                        struct fs_error *error)
{
    if (claim->found[i].has_data)
        return refuse(error,
                      "Redis at %s holds sales under the prefix \"%s\" and no manifest that says "
                      "whose they are: the steps of docs/redis.md show them and take them over",
                      name_of(claim, i), claim->options->prefix);
    if (first && !first->is_unused)
        return refuse(error,
                      "Redis at %s has lost its sales: it is empty, and the other servers say that "
                      "it is server %u of %u of their sale data; restore it, or give its sales up "
                      "with the steps of docs/redis.md",
                      name_of(claim, i), i + 1, claim->identity->count);
    if (claim->options->is_used)
        return refuse(error,
                      "Redis at %s has no sales, and the data folder says that they were made "
                      "there: name the servers that the folder belongs to, restore this one, or "
                      "begin anew with the steps of docs/redis.md",
                      name_of(claim, i));
    return 0;
}

static int judge_all(const struct claim *claim, struct fs_error *error)
{
    const struct manifest *first = first_of(claim);
    int rc = 0;

    for (unsigned i = 0; i < claim->identity->count && rc == 0; i++) {
        struct manifest ours;

        (void)parse(fs_text_of(claim->identity->expected[i]), &ours);
        if (!claim->found[i].manifest.is_there)
            rc = judge_absent(claim, i, first, error);
        else if (strcmp(claim->found[i].manifest.text, claim->identity->expected[i]) != 0)
            rc = say_different(&claim->found[i].manifest, &ours, name_of(claim, i), error);
    }
    return rc;
}

static bool is_any_different(const struct claim *claim)
{
    for (unsigned i = 0; i < claim->identity->count; i++)
        if (claim->found[i].manifest.is_there &&
            strcmp(claim->found[i].manifest.text, claim->identity->expected[i]) != 0)
            return true;
    return false;
}

static void expect(const struct claim *claim, const char *id)
{
    memcpy(claim->identity->id, id, sizeof(claim->identity->id));
    write_expected(claim->identity, claim->options->family, claim->options->prefix);
}

/* Expects the id that is there, the data folder's, or a new one.  A claim of other options that is
 * replaced leaves its id behind: a process that still runs with them must be known by it. */
static int choose_id(const struct claim *claim)
{
    const struct manifest *first = first_of(claim);
    char id[FS_DATA_ID_LEN + 1];
    bool is_named = claim->options->id[0] != '\0';

    if (is_named && (claim->options->is_used || !first))
        expect(claim, claim->options->id);
    else if (first)
        expect(claim, first->id);
    if ((first || is_named) && (!is_any_different(claim) || !is_fresh(claim)))
        return 0;
    if (fs_data_id_make(id) != 0)
        return -EIO;
    expect(claim, id);
    return 0;
}

static int look_at_all(struct claim *claim, struct fs_error *error)
{
    int rc = 0;

    memset(claim->found, 0, sizeof(claim->found));
    for (unsigned i = 0; i < claim->topology->node_count && rc == 0; i++)
        rc = look_at(claim, i, error);
    return rc;
}

/* Whether there is nothing to write: each is there, as expected. */
static bool is_complete(const struct claim *claim)
{
    for (unsigned i = 0; i < claim->identity->count; i++)
        if (strcmp(claim->found[i].manifest.text, claim->identity->expected[i]) != 0 ||
            (claim->options->may_adopt && claim->found[i].manifest.is_unused))
            return false;
    return true;
}

static int write_all(const struct claim *claim, struct fs_error *error)
{
    const struct fs_data_identity *identity = claim->identity;
    unsigned node_count = claim->topology->node_count;
    bool is_used = claim->options->may_adopt || identity->is_cluster;
    int rc = 0;

    for (unsigned i = 0; i < node_count && rc >= 0; i++) {
        unsigned of = identity->is_cluster ? 0 : i;
        char text[FS_MANIFEST_SIZE + sizeof(FS_MANIFEST_UNUSED)];

        if (strcmp(claim->found[of].manifest.text, identity->expected[of]) == 0 && !is_used)
            continue;
        snprintf(text, sizeof(text), "%s%s", identity->expected[of],
                 is_used ? "" : FS_MANIFEST_UNUSED);
        rc = compare_and_set(claim, i, claim->found[of].raw, text, error);
    }
    return rc < 0 ? rc : 0;
}

static int claim_once(struct claim *claim, bool *is_done, struct fs_error *error)
{
    const struct fs_identity_options *options = claim->options;
    int rc = look_at_all(claim, error);

    if (rc == 0 && choose_id(claim) != 0)
        rc = refuse(error, "no random bytes for the id of the sale data");
    if (rc != 0)
        return rc;
    *is_done = is_complete(claim);
    if (*is_done)
        return 0;
    if (!options->may_adopt && !is_fresh(claim))
        rc = judge_all(claim, error);
    return rc == 0 ? write_all(claim, error) : rc;
}

int fs_identity_open(struct fs_data_identity *identity, const struct fs_topology *topology,
                     const struct fs_identity_options *options, uint64_t timeout_us,
                     struct fs_error *error)
{
    struct claim *claim;
    bool is_done = false;
    int rc = 0;

    if (!options->family)
        return 0;
    claim = calloc(1, sizeof(*claim));
    if (!claim)
        return refuse(error, "out of memory") * 0 - ENOMEM;
    *claim = (struct claim){
        .identity = identity, .topology = topology, .options = options, .timeout_us = timeout_us};
    identity->is_cluster = topology->is_cluster;
    identity->count = topology->is_cluster ? 1 : topology->node_count;
    snprintf(identity->key, sizeof(identity->key), "%smanifest", options->prefix);
    for (int i = 0; i < CLAIMS_MAX && rc == 0 && !is_done; i++)
        rc = claim_once(claim, &is_done, error);
    if (rc == 0 && !is_done)
        rc = refuse(error, "another flashsale changes the manifests at the same time: stop it");
    if (rc == 0)
        identity->is_used = first_of(claim) && !first_of(claim)->is_unused;
    free(claim);
    return rc;
}
