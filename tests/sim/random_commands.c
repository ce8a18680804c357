/* Random words for commands, for scripts of a few lines, and for the strategies' own scripts. */
#include "sim/random_commands.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ledger/scripts.h"
#include "v2_lock/scripts.h"
#include "v4_shards/scripts.h"

#include "base/text.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define WORD_SIZE 256u

static const char *const keys[] = {
    "k0",     "k1",        "k2",       "k3",       "sale:0",   "orders:0",  "buyers:0", "log:0",
    "lock:0", "changes:0", "claims:0", "layout:0", "sale:1",   "orders:1",  "buyers:1", "log:1",
    "lock:1", "changes:1", "claims:1", "layout:1", "products", "products:", NULL};

const char *sim_line_key(size_t number)
{
    return number < COUNT_OF(keys) ? keys[number] : NULL;
}

static struct fs_text store_word(struct sim_line *line, const char *text, size_t len)
{
    char *copy = line->bytes + line->used;

    if (len > sizeof(line->bytes) - line->used)
        len = sizeof(line->bytes) - line->used;
    memcpy(copy, text, len);
    line->used += len;
    return (struct fs_text){copy, len};
}

__attribute__((format(printf, 2, 3))) static void add(struct sim_line *line, const char *format,
                                                      ...)
{
    char text[WORD_SIZE];
    va_list arguments;
    int len;

    va_start(arguments, format);
    len = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (line->argc < SIM_LINE_WORDS_MAX)
        line->argv[line->argc++] = store_word(line, text, (size_t)len);
}

static unsigned below(struct fs_random *random, unsigned count)
{
    return (unsigned)fs_random_below(random, count);
}

static const char *one_of(struct fs_random *random, const char *const *list, size_t count)
{
    return list[fs_random_below(random, count)];
}

#define ONE_OF(random, ...)                            \
    one_of(random, (const char *const[]){__VA_ARGS__}, \
           sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/* What commands are not made for. */
static const char *junk(struct fs_random *random)
{
    return ONE_OF(random, "", "-1", "0", "1e3", "9223372036854775807", "-9223372036854775808",
                  "99999999999999999999", "01", " 1", "1.5", "nx", "|", "0|0|0", "S|1", "\xff\n\"",
                  "18446744073709551616", "*", "~", "COUNT", "-0", "+5", "moved|3", "none");
}

/* Plain commands: words parted by spaces; "@" and a letter is drawn. */

static const char *const forms[] = {
    "HSET @k @f @v",
    "HSET @k @f @v @f @v",
    "HSET @k @f",
    "HSETNX @k @f @v",
    "HGET @k @f",
    "HMGET @k @f @f @f",
    "HEXISTS @k @f",
    "HSTRLEN @k @f",
    "HLEN @k",
    "HGETALL @k",
    "HKEYS @k",
    "HVALS @k",
    "HDEL @k @f @f",
    "HINCRBY @k @f @v",
    "HSCAN @k 0 COUNT 100",
    "HSCAN @k @v",
    "SADD @k @f @v",
    "SREM @k @f",
    "SCARD @k",
    "SISMEMBER @k @f",
    "SMEMBERS @k",
    "XADD @k * @f @v",
    "XADD @k MAXLEN ~ @v * @f @v @f @v",
    "XADD @k MAXLEN @v * @f @v",
    "XADD @k @v-@v @f @v",
    "XADD @k * @f",
    "XLEN @k",
    "XRANGE @k - + COUNT 3",
    "XREVRANGE @k + - COUNT 2",
    "XRANGE @k 3 +",
    "XRANGE @k x +",
    "XTRIM @k MAXLEN @v",
    "GET @k",
    "STRLEN @k",
    "GETDEL @k",
    "SET @k @v",
    "SET @k @v NX PX @t",
    "SET @k @v PX @e",
    "SET @k @v XX EX @t",
    "SET @k @v NX XX",
    "SETNX @k @v",
    "SETRANGE @k 0 @f",
    "SETRANGE @k @v @f",
    "INCR @k",
    "INCRBY @k @v",
    "DEL @k @k",
    "UNLINK @k",
    "EXISTS @k @k @k",
    "TYPE @k",
    "EXPIRE @k @t",
    "PEXPIRE @k @e",
    "PEXPIREAT @k @v",
    "PERSIST @k",
    "PTTL @k",
    "TTL @k",
    "KEYS *",
    "DBSIZE",
    "PING",
    "PING @f",
    "ECHO @v",
    "WAIT 0 0",
    "SCRIPT EXISTS @f",
    "EVALSHA @f 0",
    "EVALSHA 0123456789012345678901234567890123456789 @v @k",
    "ACL WHOAMI",
    "ACL DRYRUN default HSET @k @f @v",
    "ACL DRYRUN default HSET @k",
    "HGET @k",
    "TYPE",
};

static void add_drawn(struct sim_line *line, struct fs_random *random, char kind)
{
    switch (kind) {
    case 'k':
        add(line, "%s", keys[below(random, below(random, 3) ? 4 : COUNT_OF(keys) - 1)]);
        break;
    case 'f':
        add(line, "f%u", below(random, 7));
        break;
    case 't':
        add(line, "%u", 1000000 + below(random, 1000000));
        break;
    case 'e': /* a time to live that is over before anybody looks, or long after */
        add(line, "%s", ONE_OF(random, "0", "-5", "x", "9223372036854775807", "5000000"));
        break;
    default:
        if (below(random, 4) == 0)
            add(line, "%s", junk(random));
        else
            add(line, "%u", below(random, 12));
    }
}

static void draw_plain(struct sim_line *line, struct fs_random *random)
{
    const char *at = forms[fs_random_below(random, COUNT_OF(forms))];

    line->is_unordered = strncmp(at, "SMEMBERS", 8) == 0 || strncmp(at, "KEYS", 4) == 0;
    line->is_timed = at[0] == 'X' || strstr(at, "TTL") || strncmp(at, "DBSIZE", 6) == 0;
    while (*at) {
        size_t len = strcspn(at, " ");

        if (strncmp(at, "@v-@v", 5) == 0)
            add(line, "%u-%u", below(random, 3), below(random, 30));
        else if (*at == '@')
            add_drawn(line, random, at[1]);
        else
            add(line, "%.*s", (int)len, at);
        at += len + (at[len] == ' ');
    }
}

/* Scripts of a few lines, for what Lua and Redis make of each other's values. */
static const char *const small[] = {
    "return 1",
    "return {1, 2.9, -2.9, 'x', true, false, {3, {}}, 5}",
    "return {1, nil, 3}",
    "return 'text'",
    "return nil",
    "return {ok = 'fine'}",
    "return {err = 'My error'}",
    "return {err = 'WORD'}",
    "return redis.error_reply('CODE text')",
    "return redis.error_reply('word')",
    "return redis.error_reply('-CODE text')",
    "return redis.status_reply('fine')",
    "return redis.status_reply(1)",
    "return redis.error_reply()",
    "return redis.sha1hex('abc')",
    "return redis.sha1hex()",
    "return {KEYS[1], ARGV[1], #KEYS, #ARGV, ARGV[9]}",
    "return redis.call('GET', KEYS[1])",
    "return redis.call('SET', KEYS[1], ARGV[1])",
    "return redis.call('SET', KEYS[1], ARGV[1], 'NX')",
    "return redis.call('HINCRBY', KEYS[1], 'f1', 1.5)",
    "return redis.call('HINCRBY', KEYS[1], 'f1', 2^53)",
    "redis.call('HSET', KEYS[1], 'a', 0.1, 'b', 1e15, 'c', 1e17, 'd', -3, 'e', 2^63, 'f', 1/3)\n"
    "return redis.call('HGETALL', KEYS[1])",
    "redis.call('HSET', KEYS[1], 'f1', 1)\nreturn redis.call('XLEN', KEYS[1])",
    "return redis.pcall('XLEN', KEYS[1])",
    "return {redis.pcall('XLEN', KEYS[1]), redis.pcall('GET', KEYS[1])}",
    "local r = redis.pcall('HGET', KEYS[1], 'f1')\nif type(r) == 'table' then return r.err "
    "end\nreturn r",
    "local ok, e = pcall(redis.call, 'XLEN', KEYS[1])\nreturn {tostring(ok), tostring(e)}",
    "local ok, e = pcall(error, 'x')\nreturn {tostring(ok), tostring(e)}",
    "local ok, e = pcall(function() error({err = 'T x'}) end)\nreturn {tostring(ok), tostring(e)}",
    "error('boom')",
    "\n\nerror('boom', 0)",
    "error({err = 'MINE boom'})",
    "local function f() error('deep') end\nf()",
    "return nothing",
    "nothing = 1",
    "return string.rep",
    "return 1 +",
    "return ('x'):rep(3) .. ARGV[1]",
    "return nil .. 'x'",
    "return {}.x.y",
    "return redis.call()",
    "return redis.call('HGET', KEYS[1])",
    "return redis.call('HGET', {}, 'x')",
    "return redis.call('EVAL', 'return 1', 0)",
    "return redis.call('WAIT', 0, 0)",
    "return redis.pcall('SCRIPT', 'LOAD', 'x')",
    "return redis.acl_check_cmd('HSET', KEYS[1], 'f', 'v')",
    "redis.log(redis.LOG_WARNING, 'x')\nreturn redis.call('EXISTS', KEYS[1])",
    "redis.call('DEL', KEYS[1])\nredis.call('HSET', KEYS[1], 'f1', 'v')\nreturn redis.call('HGET', "
    "KEYS[1], 'f1')",
    "redis.call('SETRANGE', KEYS[1], 0, '')\nreturn redis.call('SET', KEYS[1], 'x')",
    "redis.call('HDEL', KEYS[1], '-')\nreturn redis.call('HSET', KEYS[1], 'f2', 'x')",
    "local t = {}\nfor i = 1, 40 do t[i] = i end\nreturn redis.call('HMGET', KEYS[1], unpack(t))",
    "local t = redis.call('HGETALL', KEYS[1])\nreturn {#t, select('#', unpack(t))}",
    "return {string.match('S|1|22|x', '^(%a)|(%d+)|(%d+)|(.*)$')}",
    "return string.format('%d %s %5.2f %q', 3, 'x', 1.005, 'a\\n')",
    "return {tostring(1e14), tostring(123456789012345), 10 / 2, 7 % 3, -7 % 3, math.floor(-1.5)}",
    "return tonumber('0x10') + (tonumber('') or 1) + (tonumber(' 7 ') or 0)",
    "local n = 0\nfor k, v in pairs({a = 1, b = 2, c = 3}) do n = n * 10 + v end\nreturn n",
    "return {table.concat({1, 2, 3}, ','), #'abc', ('abc'):byte(2)}",
    "return table.concat({1, {}, 3})",
    "return redis.call('TIME')[3]",
};

static void draw_small(struct sim_line *line, struct fs_random *random)
{
    const char *script = small[fs_random_below(random, COUNT_OF(small))];

    add(line, "EVAL");
    line->argv[line->argc++] = fs_text_of(script);
    if (below(random, 20) == 0)
        add(line, "%s", junk(random));
    else
        add(line, "%u", below(random, 20) == 0 ? 3u : 1u);
    add_drawn(line, random, 'k');
    add_drawn(line, random, 'v');
}

/* The strategies' scripts: keys and arguments as the .lua files say, by the kinds of draw_kind(). */
struct script_form {
    const struct fs_script *script;
    const char *keys;
    const char *arguments;
    const char *repeated;
};

#define DECIDE_KEYS "sale orders buyers log claims"
#define DECIDE "@epoch @seq @order @product 0/0/120 run/run/run/dry @deadline "
#define CHANGE_FIELDS \
    "-1/-1/0/3 -1/-1/0/2 -1/0/@time -1/0/0/@time -1/1/1/1/2/3 @epoch @product 0/120 100"
#define OP "@order @buyer @units"

static const struct script_form script_forms[] = {
    {&fs_ledger_decide, DECIDE_KEYS, DECIDE "@elsewhere", OP},
    {&fs_ledger_decide, DECIDE_KEYS, DECIDE "||0|0|0", OP},
    {&fs_ledger_decide, DECIDE_KEYS, "0 0 o1 @product 0 run 0 x", OP},
    {&fs_ledger_show, "sale", "", NULL},
    {&fs_ledger_name, "products", "p0/p1/p2/p3 @number", NULL},
    {&fs_ledger_change, "sale buyers log changes claims",
     "create/reset/reset @change @number 0 " CHANGE_FIELDS, NULL},
    {&fs_ledger_change, "sale buyers log changes claims",
     "update @change -1 @number " CHANGE_FIELDS, NULL},
    {&fs_ledger_audit, "sale orders buyers", "0/1000/1000", NULL},
    {&fs_ledger_freeze, "sale", "why", NULL},
    {&fs_ledger_probe_script, "orders buyers log claims lock", "/@order /@token", NULL},
    {&fs_ledger_allowed, "sale orders buyers log changes claims products lock", "/claims /lock",
     NULL},
    {&fs_ledger_allowed, "sale orders buyers log changes lock", " lock", NULL},
    {&fs_v2_acquire, "sale lock", "@token @lease", NULL},
    {&fs_v2_write, DECIDE_KEYS " lock", DECIDE "@holder", OP},
    {&fs_v2_apply, DECIDE_KEYS " lock",
     "x x x @product 0/120 x x @holder @order @record @buyer @number @number @number", NULL},
    {&fs_v2_release, "lock", "@token", NULL},
    {&fs_v4_read, "sale", "!1/2/4", NULL},
    {&fs_v4_take, "sale orders", "@epoch @shard @number @deadline 0/0/@number @seq @order", OP},
    {&fs_v4_put, DECIDE_KEYS, DECIDE "@transfer", OP},
    {&fs_v4_forget, "sale", "@epoch @shard @number", NULL},
    {&fs_v4_adopt, "sale buyers", "@epoch @number @number 0 0 0 0 1/1/3 1/3", NULL},
    {&fs_v4_place, "layout", "read", NULL},
    {&fs_v4_place, "layout", "claim @shard 0/0/1", NULL},
    {&fs_v4_place, "layout", "begin 0/1/@number @shard 0/100000", NULL},
    {&fs_v4_place, "layout", "renew/void/flip/drop 1/2/@number 100000", NULL},
    {&fs_v4_mark, "sale orders buyers changes", "mark @number @epoch @number @seq @order", NULL},
    {&fs_v4_mark, "sale orders buyers changes", "unmark @number", NULL},
    {&fs_v4_mark, "sale orders buyers changes", "clear @number 0/100000", NULL},
    {&fs_v4_build, "sale orders buyers changes",
     "begin 1/2 epoch 1 seq 0 initial 9 restocked 0 left 9 sold 0 state 1 per_buyer 0 per_order 0 "
     "opens 0 closes 0 moves 1",
     NULL},
    {&fs_v4_build, "sale orders buyers changes", "end 1/2", NULL},
    {&fs_v4_copy, "sale orders", "1/2 @epoch", "@order @record"},
    {&fs_v4_find, "sale orders", "@order @epoch @seq @order", NULL},
    {&fs_v4_change, "sale buyers log changes claims",
     "create/reset @change @number 0 " CHANGE_FIELDS " @number 1/3", NULL},
    {&fs_v4_change, "sale buyers log changes claims",
     "update @change -1 @number " CHANGE_FIELDS " @number 1/3", NULL},
};

static const char *token(struct fs_random *random)
{
    return ONE_OF(random, "00000000000000000000000000000001", "abcdefabcdefabcdefabcdefabcdefab");
}

static unsigned small_number(struct fs_random *random)
{
    return below(random, below(random, 3) ? 3 : 14);
}

static void draw_kind(struct sim_line *line, struct fs_random *random, const char *kind,
                      int64_t now_ms)
{
    unsigned n = small_number(random);

    if (strcmp(kind, "epoch") == 0)
        add(line, "%u", below(random, 4) ? 1 : below(random, 4));
    else if (strcmp(kind, "seq") == 0 && below(random, 12) == 0)
        add(line, "%u|%u", n, below(random, 4));
    else if (strcmp(kind, "seq") == 0)
        add(line, "%u", below(random, 12) ? 0 : n);
    else if (strcmp(kind, "order") == 0)
        add(line, "o%u", below(random, 40));
    else if (strcmp(kind, "buyer") == 0)
        add(line, "b%s%u", below(random, 40) ? "" : "|x", below(random, 6));
    else if (strcmp(kind, "units") == 0)
        add(line, "%u", below(random, 4) ? 1 : below(random, 4));
    else if (strcmp(kind, "product") == 0)
        add(line, "%s", ONE_OF(random, "", "", "p0", "p1"));
    else if (strcmp(kind, "deadline") == 0 || strcmp(kind, "time") == 0)
        add(line, "%" PRId64, below(random, 4) ? 0 : now_ms + 1000 * ((int64_t)n - 2));
    else if (strcmp(kind, "elsewhere") == 0)
        add(line, "|%u|%u|%u", below(random, 3), n, below(random, 6) ? 0 : n);
    else if (strcmp(kind, "transfer") == 0)
        add(line, "|1|%u|0|%u|%u|%u|%u", n, below(random, 2),
            below(random, 4) ? 1 : below(random, 3), below(random, 5), below(random, 5));
    else if (strcmp(kind, "holder") == 0)
        add(line, "%s:%u", token(random), below(random, 5));
    else if (strcmp(kind, "token") == 0)
        add(line, "%s", token(random));
    else if (strcmp(kind, "lease") == 0)
        add(line, "%u", 1000000 + below(random, 1000000));
    else if (strcmp(kind, "change") == 0)
        add(line, "%.*s", below(random, 2) ? 0 : 2, ONE_OF(random, "c0", "c1", "c2", "c3"));
    else if (strcmp(kind, "record") == 0)
        add(line, "%s|%u|%u|%u|%u|1700000000000|0|b%u", ONE_OF(random, "S", "S", "C4"), 1 + n / 4,
            1 + below(random, 2), n, n, below(random, 6));
    else if (strcmp(kind, "shard") == 0)
        add(line, "%u", below(random, 3));
    else
        add(line, "%u", n);
}

/* One word of a specification: alternatives parted by "/", each a kind or itself.  Behind a "!" there is
 * no junk: a script that counts up to it would never end. */
static void draw_spec_word(struct sim_line *line, struct fs_random *random, const char *word,
                           size_t len, int64_t now_ms)
{
    char text[WORD_SIZE];
    unsigned choices = 1, chosen;
    bool may_be_junk = *word != '!';
    char *at = text;

    snprintf(text, sizeof(text), "%.*s", (int)len - !may_be_junk, word + !may_be_junk);
    for (const char *c = text; *c; c++)
        choices += *c == '/';
    for (chosen = below(random, choices); chosen > 0; chosen--)
        at = strchr(at, '/') + 1;
    at[strcspn(at, "/")] = '\0';
    if (may_be_junk && below(random, 150) == 0)
        add(line, "%s", junk(random));
    else if (*at == '@')
        draw_kind(line, random, at + 1, now_ms);
    else
        add(line, "%s", at);
}

static void draw_spec(struct sim_line *line, struct fs_random *random, const char *spec,
                      int64_t now_ms)
{
    while (*spec) {
        size_t len = strcspn(spec, " ");

        draw_spec_word(line, random, spec, len, now_ms);
        spec += len + (spec[len] == ' ');
    }
}

static void add_keys(struct sim_line *line, struct fs_random *random, const char *names)
{
    unsigned product = below(random, 5) == 0;

    while (*names) {
        size_t len = strcspn(names, " ");

        if (below(random, 300) == 0)
            add_drawn(line, random, 'k'); /* of whatever type */
        else
            add(line, "%.*s:%u", (int)len, names, product);
        names += len + (names[len] == ' ');
    }
}

/* The script with a clock of its own, since two servers' clocks are never the same; on its first line,
 * so that the others keep their numbers. */
static struct fs_text source_of(struct sim_line *line, const struct fs_script *script,
                                int64_t now_ms)
{
    char text[SIM_LINE_BYTES_MAX];
    int len;

    if (!strstr(script->source, "'TIME'"))
        return fs_text_of(script->source);
    len = snprintf(text, sizeof(text),
                   "local redis = (function() local real = redis; return setmetatable({call = "
                   "function(name, ...) if name == 'TIME' then return {'%" PRId64
                   "', '250000'} end return real.call(name, ...) end}, {__index = real}) end)() %s",
                   now_ms / 1000, script->source);
    return store_word(line, text, (size_t)len);
}

static void draw_script(struct sim_line *line, struct fs_random *random, int64_t now_ms)
{
    const struct script_form *form = &script_forms[fs_random_below(random, COUNT_OF(script_forms))];
    size_t number_at;
    char number[16];
    int len;

    now_ms =
        now_ms / 1000000 * 1000000 + 1000 * below(random, 4); /* a few, which are compiled once */
    add(line, "EVAL");
    line->argv[line->argc++] = source_of(line, form->script, now_ms);
    number_at = line->argc;
    line->argc++; /* the number of keys, which is known below */
    add_keys(line, random, form->keys);
    if (below(random, 300) == 0)
        line->argc--;
    len = snprintf(number, sizeof(number), "%zu", line->argc - number_at - 1);
    line->argv[number_at] = store_word(line, number, (size_t)len);
    draw_spec(line, random, form->arguments, now_ms);
    for (unsigned i = form->repeated ? below(random, 5) : 0; i > 0; i--)
        draw_spec(line, random, form->repeated, now_ms);
    if (below(random, 150) == 0)
        line->argc--;
    line->is_timed = form->script == &fs_v2_acquire;
}

void sim_line_draw(struct sim_line *line, struct fs_random *random, int64_t now_ms)
{
    unsigned of_eight = below(random, 8);

    line->argc = 0;
    line->used = 0;
    line->is_unordered = false;
    line->is_timed = false;

    if (of_eight < 2)
        draw_plain(line, random);
    else if (of_eight == 2)
        draw_small(line, random);
    else
        draw_script(line, random, now_ms);
}
