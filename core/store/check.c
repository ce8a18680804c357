/* Reads INFO and, where it may, CONFIG; then judges facts that tests can make up.
 *
 * Tested with Redis 7.0.15; 6.2 is the oldest whose scripts and CLIENT KILL behave alike. */
#include "store/check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "store/session.h"

#define VERSION_MAJOR_MIN 6u
#define VERSION_MINOR_MIN 2u
#define VERSION_TESTED "7.0.15"
#define NO_CLIENT "9223372036854775807" /* an id that no client has */

const char *fs_durability_name(enum fs_durability durability)
{
    switch (durability) {
    case FS_DURABILITY_AOF_ALWAYS:
        return "aof-always";
    case FS_DURABILITY_AOF_EVERYSEC:
        return "aof-everysec";
    case FS_DURABILITY_MEMORY:
        break;
    }
    return "memory";
}

__attribute__((format(printf, 2, 3))) static int refuse(struct fs_error *error, const char *format,
                                                        ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    return -EINVAL;
}

/* Asking */

static void set_text(char *into, size_t size, struct fs_text value)
{
    size_t len = value.len < size - 1 ? value.len : size - 1;

    if (len > 0)
        memcpy(into, value.data, len);
    into[len] = '\0';
}

/* The value of a line "name:value" of INFO; empty: there is none. */
static struct fs_text field(const redisReply *info, const char *name)
{
    size_t name_len = strlen(name);
    const char *at = info->str;

    while (at) {
        size_t len = strcspn(at, "\r\n");

        if (len > name_len && strncmp(at, name, name_len) == 0 && at[name_len] == ':')
            return (struct fs_text){at + name_len + 1, len - name_len - 1};
        at = strchr(at, '\n');
        at = at ? at + 1 : NULL;
    }
    return (struct fs_text){"", 0};
}

static uint64_t number_field(const redisReply *info, const char *name)
{
    uint64_t number = 0;

    (void)fs_text_to_u64(field(info, name), INT64_MAX, &number);
    return number;
}

static void read_version(struct fs_check_facts *facts)
{
    char *end = NULL;

    facts->version_major = (unsigned)strtoul(facts->version, &end, 10);
    if (*end == '.')
        facts->version_minor = (unsigned)strtoul(end + 1, &end, 10);
}

static void read_info(const redisReply *info, struct fs_check_facts *facts)
{
    set_text(facts->version, sizeof(facts->version), field(info, "redis_version"));
    set_text(facts->role, sizeof(facts->role), field(info, "role"));
    set_text(facts->policy, sizeof(facts->policy), field(info, "maxmemory_policy"));
    facts->is_aof_on = number_field(info, "aof_enabled") == 1;
    facts->is_loading = number_field(info, "loading") == 1;
    facts->is_cluster = number_field(info, "cluster_enabled") == 1;
    facts->connected_clients = number_field(info, "connected_clients");
    facts->maxclients = number_field(info, "maxclients");
    facts->connected_replicas = number_field(info, "connected_slaves");
    facts->process_id = (int64_t)number_field(info, "process_id");
    read_version(facts);
}

/* One value of CONFIG GET.  Returns 0, -EACCES when the server does not tell, or -EIO. */
static int ask_config(redisContext *session, const char *name, char *value, size_t size)
{
    redisReply *reply = fs_session_ask(session, "CONFIG", "GET", name, (char *)NULL);
    int rc = -EACCES;

    if (!reply)
        return -EIO;
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
        reply->element[1]->type == REDIS_REPLY_STRING) {
        set_text(value, size, (struct fs_text){reply->element[1]->str, reply->element[1]->len});
        rc = 0;
    }
    freeReplyObject(reply);
    return rc;
}

static int ask_configuration(redisContext *session, struct fs_check_facts *facts)
{
    char number[24] = "";
    int rc = ask_config(session, "appendfsync", facts->fsync, sizeof(facts->fsync));

    facts->is_config_known = rc == 0;
    if (rc == -EACCES)
        return 0;
    if (rc == 0)
        rc = ask_config(session, "save", facts->save, sizeof(facts->save));
    if (rc == 0)
        rc = ask_config(session, "no-appendfsync-on-rewrite", number, sizeof(number));
    if (rc == 0)
        facts->is_rewrite_unsynced = strcmp(number, "yes") == 0;
    if (rc == 0)
        rc = ask_config(session, "tcp-keepalive", number, sizeof(number));
    if (rc == 0)
        facts->tcp_keepalive = strtoll(number, NULL, 10);
    if (rc == 0)
        rc = ask_config(session, "min-replicas-to-write", number, sizeof(number));
    if (rc == 0)
        facts->min_replicas = strtoull(number, NULL, 10);
    if (rc == 0 && facts->maxclients == 0) { /* INFO has it from 7.0 on */
        rc = ask_config(session, "maxclients", number, sizeof(number));
        facts->maxclients = rc == 0 ? strtoull(number, NULL, 10) : 0;
    }
    return rc == -EIO ? -EIO : 0;
}

/* Whether a command is answered by anything but an error; frees the answer. */
static int try_command(redisReply *reply, bool *works)
{
    if (!reply)
        return -EIO;
    *works = reply->type != REDIS_REPLY_ERROR;
    freeReplyObject(reply);
    return 0;
}

int fs_check_ask(const struct fs_node *node, redisContext *session, struct fs_check_facts *facts,
                 struct fs_error *error)
{
    redisReply *info = fs_session_ask(session, "INFO", (char *)NULL);
    struct fs_check_facts asked = {.tcp_keepalive = -1};
    int rc = info ? 0 : -EIO;

    if (rc == 0 && info->type == REDIS_REPLY_ERROR) {
        refuse(error, "Redis at %s refuses INFO: %s; allow the user +info", node->name, info->str);
        rc = -EACCES;
    } else if (rc == 0 && info->type == REDIS_REPLY_STRING) {
        read_info(info, &asked);
    }
    if (info)
        freeReplyObject(info);
    if (rc == -EACCES)
        return rc;
    if (rc == 0)
        rc = ask_configuration(session, &asked);
    if (rc == 0)
        rc = try_command(fs_session_ask(session, "CLIENT", "KILL", "ID", NO_CLIENT, (char *)NULL),
                         &asked.may_kill_clients);
    if (rc == 0)
        rc = try_command(fs_session_ask(session, "EVAL", "return 1", "0", (char *)NULL),
                         &asked.may_run_scripts);
    if (rc != 0) {
        refuse(error, "Redis at %s does not answer: %s", node->name, session->errstr);
        return rc;
    }
    if (node->path)
        asked.tcp_keepalive = -1;
    *facts = asked;
    return 0;
}

/* Judging */

/* No key of a sale has a time to live, so a volatile policy evicts none of them. */
bool fs_check_may_evict(const struct fs_check_facts *facts)
{
    return facts->policy[0] && strcmp(facts->policy, "noeviction") != 0 &&
           strncmp(facts->policy, "volatile-", 9) != 0;
}

int fs_check_judge(const struct fs_check_facts *facts, const char *name, unsigned client_count,
                   struct fs_error *error)
{
    if (!facts->version[0])
        return refuse(error, "what answers at %s is no Redis server: its INFO names no version",
                      name);
    if (facts->version_major < VERSION_MAJOR_MIN ||
        (facts->version_major == VERSION_MAJOR_MIN && facts->version_minor < VERSION_MINOR_MIN))
        return refuse(
            error, "Redis at %s is version %s: use %u.%u or later (tested with " VERSION_TESTED ")",
            name, facts->version, VERSION_MAJOR_MIN, VERSION_MINOR_MIN);
    if (strcmp(facts->role, "master") != 0)
        return refuse(error,
                      "Redis at %s is a replica, and a sale must be decided by the primary: name "
                      "its primary, or run REPLICAOF NO ONE there",
                      name);
    if (fs_check_may_evict(facts) && !facts->accepts_eviction)
        return refuse(error,
                      "Redis at %s may drop orders when its memory is full (maxmemory-policy %s): "
                      "run CONFIG SET maxmemory-policy noeviction there, and put that line into "
                      "redis.conf; a volatile policy will do as well, or redis.accept_eviction",
                      name, facts->policy);
    if (!facts->may_run_scripts)
        return refuse(error,
                      "the user at Redis %s may not run scripts: ACL SETUSER it +eval +evalsha "
                      "+script",
                      name);
    if (!facts->may_kill_clients)
        return refuse(error,
                      "the user at Redis %s may not run CLIENT KILL, which keeps commands of a "
                      "lost connection from running late: ACL SETUSER it +client",
                      name);
    if (facts->maxclients > 0 && facts->connected_clients + client_count > facts->maxclients)
        return refuse(error,
                      "Redis at %s serves at most %" PRIu64 " clients and has %" PRIu64
                      ", but this server needs %u: raise maxclients there",
                      name, facts->maxclients, facts->connected_clients, client_count);
    return 0;
}

enum fs_durability fs_check_durability(const struct fs_check_facts *facts)
{
    if (!facts->is_aof_on || facts->is_rewrite_unsynced)
        return FS_DURABILITY_MEMORY;
    if (facts->is_config_known && strcmp(facts->fsync, "always") == 0)
        return FS_DURABILITY_AOF_ALWAYS;
    if (facts->is_config_known && strcmp(facts->fsync, "no") == 0)
        return FS_DURABILITY_MEMORY;
    return FS_DURABILITY_AOF_EVERYSEC;
}

static bool remark_durability(const struct fs_check_facts *facts, const char *name,
                              struct fs_error *remark)
{
    if (facts->is_aof_on && !facts->is_config_known)
        refuse(remark,
               "Redis at %s does not tell its appendfsync (CONFIG GET is forbidden): taken as "
               "everysec",
               name);
    else if (facts->is_aof_on && strcmp(facts->fsync, "no") == 0)
        refuse(remark,
               "Redis at %s leaves writing its append-only file to the kernel (appendfsync no): "
               "taken as memory",
               name);
    else if (facts->is_aof_on && facts->is_rewrite_unsynced)
        refuse(remark,
               "Redis at %s syncs nothing while it rewrites its append-only file, which may take "
               "half a minute: taken as memory; run CONFIG SET no-appendfsync-on-rewrite no",
               name);
    else if (!facts->is_aof_on && facts->save[0])
        refuse(remark,
               "Redis at %s only takes snapshots: a crash loses every order since the last one; "
               "for more run CONFIG SET appendonly yes and CONFIG SET appendfsync always",
               name);
    else if (!facts->is_aof_on)
        refuse(remark,
               "Redis at %s keeps nothing on disk: a crash loses every order; for more run "
               "CONFIG SET appendonly yes and CONFIG SET appendfsync always",
               name);
    else
        return false;
    return true;
}

static bool remark_eviction(const struct fs_check_facts *facts, const char *name,
                            struct fs_error *remark)
{
    if (fs_check_may_evict(facts))
        refuse(remark,
               "Redis at %s may drop orders when its memory is full (maxmemory-policy %s), which "
               "redis.accept_eviction accepts: a sale that misses one is frozen",
               name, facts->policy);
    else if (strncmp(facts->policy, "volatile-", 9) == 0)
        refuse(remark,
               "Redis at %s evicts keys that have a time to live (maxmemory-policy %s): of ours "
               "only v2's lock has one, and its fence keeps a lost lock from selling twice; a full "
               "memory is 503",
               name, facts->policy);
    else
        return false;
    return true;
}

bool fs_check_remark(const struct fs_check_facts *facts, const char *name, unsigned *state,
                     struct fs_error *remark)
{
    switch ((*state)++) {
    case 0:
        if (remark_durability(facts, name, remark))
            return true;
        return fs_check_remark(facts, name, state, remark);
    case 1:
        if (facts->tcp_keepalive != 0)
            return fs_check_remark(facts, name, state, remark);
        refuse(remark,
               "Redis at %s never notices a client that is gone (tcp-keepalive 0): its "
               "connections pile up; run CONFIG SET tcp-keepalive 300",
               name);
        return true;
    case 2:
        if (!remark_eviction(facts, name, remark))
            return fs_check_remark(facts, name, state, remark);
        return true;
    case 3:
        if (facts->is_config_known || facts->is_aof_on)
            return false;
        refuse(remark,
               "Redis at %s forbids CONFIG GET, so its settings for the disk and for replicas are "
               "not known here: compare them with docs/redis.md",
               name);
        return true;
    default:
        return false;
    }
}

bool fs_check_replicas(const struct fs_check_facts *facts, const char *name, unsigned wait_replicas,
                       struct fs_error *remark)
{
    if (facts->connected_replicas < wait_replicas) {
        refuse(remark,
               "Redis at %s has %" PRIu64 " replicas, and redis.wait_replicas wants %u: until they "
               "are there no purchase is acknowledged",
               name, facts->connected_replicas, wait_replicas);
        return true;
    }
    if (wait_replicas > 0 && facts->connected_replicas > wait_replicas) {
        refuse(remark,
               "Redis at %s has %" PRIu64 " replicas, and answers wait for %u of them: one that "
               "lacks acknowledged orders may be promoted (class replica-best-effort); set "
               "redis.wait_replicas to %" PRIu64,
               name, facts->connected_replicas, wait_replicas, facts->connected_replicas);
        return true;
    }
    if (facts->min_replicas < wait_replicas) {
        refuse(remark,
               "Redis at %s goes on writing when replicas are missing, so that purchases then end "
               "undetermined: run CONFIG SET min-replicas-to-write %u there (on each replica too), "
               "and they are refused instead",
               name, wait_replicas);
        return true;
    }
    return false;
}
