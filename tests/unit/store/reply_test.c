/* Replies from hand-made bytes, fed to hiredis' reader in pieces. */
#include "support/suite.h"

#include "base/limits.h"
#include "base/text.h"
#include "store/reply.h"
#include "support/random.h"

#define MODEL_SIZE 65536

static struct fs_reply_reader reader;
static redisReader *hiredis;

static void open_reader(uint32_t awaited)
{
    fs_reply_reader_init(&reader);
    hiredis = redisReaderCreate();
    fs_reply_reader_attach(&reader, hiredis);
    reader.awaited = awaited;
}

static void close_reader(void)
{
    redisReaderFree(hiredis);
    fs_reply_reader_dispose(&reader);
}

/* The reply, or NULL: none yet, or refused; then *rc is not REDIS_OK. */
static const struct fs_reply *feed(const char *bytes, size_t len, int *rc)
{
    void *object = NULL;

    redisReaderFeed(hiredis, bytes, len);
    *rc = redisReaderGetReply(hiredis, &object);
    return *rc == REDIS_OK && object ? fs_reply_reader_take(&reader, object) : NULL;
}

static const struct fs_reply *feed_text(const char *text)
{
    int rc;

    return feed(text, strlen(text), &rc);
}

static void each_kind_is_read(void)
{
    const struct fs_reply *reply;

    open_reader(10);
    reply = feed_text("+OK\r\n");
    FS_REQUIRE(reply != NULL);
    FS_CHECK_INT(reply->kind, FS_REPLY_TEXT);
    FS_CHECK_TEXT(reply->text.data, reply->text.len, "OK");
    reply = feed_text(":-42\r\n");
    FS_CHECK_INT(reply->kind, FS_REPLY_INTEGER);
    FS_CHECK_INT(reply->integer, -42);
    reply = feed_text("$-1\r\n");
    FS_CHECK_INT(reply->kind, FS_REPLY_NIL);
    reply = feed_text("$0\r\n\r\n");
    FS_CHECK_INT(reply->kind, FS_REPLY_TEXT);
    FS_CHECK_INT(reply->text.len, 0);
    reply = feed_text("*-1\r\n");
    FS_CHECK_INT(reply->kind, FS_REPLY_NIL);
    reply = feed_text("*0\r\n");
    FS_CHECK_INT(reply->kind, FS_REPLY_LIST);
    FS_CHECK_INT(reply->item_count, 0);
    reply = feed_text("*3\r\n$2\r\nhi\r\n*2\r\n:1\r\n*1\r\n:2\r\n-ERR no\r\n");
    FS_REQUIRE(reply && reply->item_count == 3);
    FS_CHECK_TEXT(reply->items[0].text.data, reply->items[0].text.len, "hi");
    FS_CHECK_INT(reply->items[1].items[0].integer, 1);
    FS_CHECK_INT(reply->items[1].items[1].items[0].integer, 2);
    FS_CHECK_INT(reply->items[2].kind, FS_REPLY_ERROR);
    FS_CHECK_INT(reader.awaited, 3);
    close_reader();
}

static void errors_say_whether_the_command_ran(void)
{
    static const struct {
        const char *text;
        enum fs_reply_kind kind;
    } rows[] = {
        {"LOADING Redis is loading the dataset in memory", FS_REPLY_REFUSED},
        {"READONLY You can't write against a read only replica.", FS_REPLY_REFUSED},
        {"MASTERDOWN Link with MASTER is down", FS_REPLY_REFUSED},
        {"OOM command not allowed when used memory > 'maxmemory'.", FS_REPLY_REFUSED},
        {"MISCONF Redis is configured to save RDB snapshots", FS_REPLY_REFUSED},
        {"NOREPLICAS Not enough good replicas to write.", FS_REPLY_REFUSED},
        {"BUSY Redis is busy running a script.", FS_REPLY_REFUSED},
        {"CLUSTERDOWN Hash slot not served", FS_REPLY_REFUSED},
        {"TRYAGAIN Multiple keys request during rehashing of slot", FS_REPLY_REFUSED},
        {"NOSCRIPT No matching script.", FS_REPLY_REFUSED},
        {"MOVED 3999 127.0.0.1:6381", FS_REPLY_REFUSED},
        {"OOM", FS_REPLY_REFUSED},
        {"OOMPH", FS_REPLY_ERROR},
        {"BUSYKEY Target key name already exists.", FS_REPLY_ERROR},
        {"BUSYGROUP Consumer Group name already exists", FS_REPLY_ERROR},
        {"ERR OOM", FS_REPLY_ERROR},
        {"WRONGTYPE Operation against a key", FS_REPLY_ERROR},
        {"NOPERM this user has no permissions to run the 'hset' command", FS_REPLY_REFUSED},
        {"WRONGPASS invalid username-password pair", FS_REPLY_REFUSED},
        {"NOPERM nothing was written: this user may not run XADD script: 1a, on @user_script:3.",
         FS_REPLY_REFUSED},
        /* a script that does not say so may have written before it */
        {"NOPERM this user has no permissions script: 1a, on @user_script:3.", FS_REPLY_ERROR},
        {"NOPERM half written: this user may not run XADD script: 1a, on @user_script:3.",
         FS_REPLY_ERROR},
        {"ERR Error running script (call to f_b2a): @user_script:9: user_script:9: -NOPERM nothing "
         "was written: this user may not run XADD",
         FS_REPLY_REFUSED},
        {"ERR value is not an integer script: 1a, on @user_script:3.", FS_REPLY_ERROR},
        /* as 6.2 has them inside a script */
        {"ERR Error running script (call to f_b2a): @user_script:9: @user_script: 9: -OOM command "
         "not allowed when used memory > 'maxmemory'.",
         FS_REPLY_REFUSED},
        {"ERR Error running script (call to f_b2a): @user_script:9: @user_script: 9: -READONLY You "
         "can't write against a read only replica.",
         FS_REPLY_REFUSED},
        {"ERR Error running script (call to f_b2a): @user_script:9: @user_script: 9: -WRONGTYPE "
         "Operation against a key",
         FS_REPLY_ERROR},
        {"ERR Error running script (call to f_b2a): @user_script:9: user_script:9: attempt to "
         "compare nil with number",
         FS_REPLY_ERROR},
        {"ERR Error running script (call to f_b2a): @user_script:9: -", FS_REPLY_ERROR},
        {"", FS_REPLY_ERROR},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        FS_CHECK_INT(fs_reply_error_kind(fs_text_of(rows[i].text)), rows[i].kind);
}

static void bytes_that_are_no_reply_are_refused(void)
{
    static const char *const rows[] = {
        "?\r\n",                     /* no type */
        "hello\r\n",                 /* no type */
        ":12x\r\n",                  /* no number */
        "$-2\r\n",                   /* no length */
        "$99999999999999999999\r\n", /* no length */
        "*-2\r\n",                   /* no count */
        "*99999999999999\r\n",       /* no count */
        "*2000000000\r\n",           /* more than is kept */
        "%1\r\n+a\r\n+b\r\n",        /* RESP3: never agreed upon */
        "~1\r\n+a\r\n",              /* RESP3 */
        ",1.5\r\n",                  /* RESP3 */
        "#t\r\n",                    /* RESP3 */
        "(123\r\n",                  /* RESP3 */
        ">2\r\n+message\r\n+x\r\n",  /* RESP3 */
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", /* too deep */
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int rc;

        open_reader(1);
        FS_CHECK(feed(rows[i], strlen(rows[i]), &rc) == NULL);
        if (rc == REDIS_OK)
            printf("(row %zu) ", i);
        FS_CHECK(rc != REDIS_OK);
        close_reader();
    }
}

static void a_reply_nobody_asked_for_is_refused(void)
{
    int rc;

    open_reader(1);
    FS_CHECK(feed_text(":1\r\n") != NULL);
    FS_CHECK(feed(":2\r\n", 4, &rc) == NULL);
    FS_CHECK(rc != REDIS_OK);
    FS_CHECK_STR(reader.problem, "a reply came that nobody had asked for");
    close_reader();
}

static void a_reply_that_is_too_large_is_refused(void)
{
    static char megabyte[1048576 + 16];
    int rc = REDIS_OK;
    int head = snprintf(megabyte, sizeof(megabyte), "$%d\r\n", 1048576 - 16);
    size_t len = (size_t)head + 1048576 - 16 + 2;
    unsigned count = 0;

    memset(megabyte + head, 'x', 1048576 - 16);
    megabyte[len - 2] = '\r';
    megabyte[len - 1] = '\n';
    open_reader(1);
    FS_CHECK(feed_text("*100\r\n") == NULL);
    for (; count < 100 && rc == REDIS_OK; count++)
        feed(megabyte, len, &rc);
    FS_CHECK(rc != REDIS_OK);
    FS_CHECK(count > 14 && count < 18);
    FS_CHECK_STR(reader.problem, "a reply is larger than 16 MiB");
    close_reader();
}

/* A random reply, and its bytes; and what is expected of it as text of its own. */
static void invent(struct fs_random *random, int depth, struct fs_buffer *bytes,
                   struct fs_buffer *model)
{
    unsigned kind = (unsigned)fs_random_below(random, depth < 6 ? 6 : 5);
    uint64_t number = fs_random_below(random, 1000000);

    switch (kind) {
    case 0:
        fs_buffer_add_format(bytes, ":%d\r\n", (int)number - 500000);
        fs_buffer_add_format(model, "i%d;", (int)number - 500000);
        return;
    case 1:
        fs_buffer_add(bytes, FS_TEXT("$-1\r\n"));
        fs_buffer_add(model, FS_TEXT("n;"));
        return;
    case 2:
        fs_buffer_add_format(bytes, "+s%d\r\n", (int)number);
        fs_buffer_add_format(model, "ts%d;", (int)number);
        return;
    case 3:
        fs_buffer_add_format(bytes, "$%d\r\n%0*d\r\n", (int)(number % 300) + 8,
                             (int)(number % 300) + 8, (int)number);
        fs_buffer_add_format(model, "t%0*d;", (int)(number % 300) + 8, (int)number);
        return;
    case 4:
        fs_buffer_add_format(bytes, "-ERR e%d\r\n", (int)number);
        fs_buffer_add_format(model, "eERR e%d;", (int)number);
        return;
    default:
        number %= 5;
        fs_buffer_add_format(bytes, "*%d\r\n", (int)number);
        fs_buffer_add_format(model, "l%d;", (int)number);
        while (number-- > 0)
            invent(random, depth + 1, bytes, model);
        return;
    }
}

static void describe(const struct fs_reply *reply, struct fs_buffer *text)
{
    switch (reply->kind) {
    case FS_REPLY_INTEGER:
        fs_buffer_add_format(text, "i%d;", (int)reply->integer);
        return;
    case FS_REPLY_NIL:
        fs_buffer_add(text, FS_TEXT("n;"));
        return;
    case FS_REPLY_LIST:
        fs_buffer_add_format(text, "l%d;", (int)reply->item_count);
        for (size_t i = 0; i < reply->item_count; i++)
            describe(&reply->items[i], text);
        return;
    case FS_REPLY_TEXT:
    case FS_REPLY_ERROR:
    case FS_REPLY_NOT_SENT:
    case FS_REPLY_LOST:
    case FS_REPLY_REFUSED:
        fs_buffer_add_format(text, "%c%.*s;", reply->kind == FS_REPLY_TEXT ? 't' : 'e',
                             (int)reply->text.len, reply->text.data);
        return;
    }
}

/* As the store does it: all that is complete after a turn stays valid until it is forgotten, while
 * another reply may be half read. */
static void replies_cut_anywhere_are_whole_until_they_are_forgotten(void)
{
    struct fs_random random = fs_random_start();
    static char bytes_data[MODEL_SIZE], model_data[MODEL_SIZE], seen_data[MODEL_SIZE];
    const struct fs_reply *kept[64];

    open_reader(0);
    for (int round = 0; round < 3000; round++) {
        struct fs_buffer bytes = fs_buffer_of(bytes_data, sizeof(bytes_data));
        struct fs_buffer model = fs_buffer_of(model_data, sizeof(model_data));
        struct fs_buffer seen = fs_buffer_of(seen_data, sizeof(seen_data));
        unsigned count = 1 + (unsigned)fs_random_below(&random, 20);
        size_t at = 0;
        unsigned taken = 0;

        for (unsigned i = 0; i < count; i++)
            invent(&random, 0, &bytes, &model);
        reader.awaited = count;
        while (at < bytes.len) {
            size_t len = 1 + fs_random_below(&random, 200);
            void *object = NULL;

            len = len < bytes.len - at ? len : bytes.len - at;
            redisReaderFeed(hiredis, bytes.data + at, len);
            at += len;
            while (redisReaderGetReply(hiredis, &object) == REDIS_OK && object)
                kept[taken++] = fs_reply_reader_take(&reader, object);
            if (fs_random_below(&random, 3) == 0) {
                for (unsigned i = 0; i < taken; i++)
                    describe(kept[i], &seen);
                taken = 0;
                fs_reply_reader_recycle(&reader);
            }
        }
        for (unsigned i = 0; i < taken; i++)
            describe(kept[i], &seen);
        fs_reply_reader_recycle(&reader);
        FS_REQUIRE(!model.overflowed && !bytes.overflowed);
        FS_CHECK_INT(seen.len, model.len);
        FS_REQUIRE(seen.len == model.len && memcmp(seen.data, model.data, seen.len) == 0);
        FS_CHECK_INT(reader.awaited, 0);
    }
    close_reader();
}

/* Nothing worse than an error may come of any bytes; the sanitizers look on. */
static void any_bytes_end_in_a_reply_or_an_error(void)
{
    static const char alphabet[] = "+-:$*%#,(~>\r\n0123456789abc \0";
    struct fs_random random = fs_random_start();
    unsigned refused = 0;

    for (int round = 0; round < 20000; round++) {
        char bytes[64];
        size_t len = 1 + fs_random_below(&random, sizeof(bytes));
        void *object = NULL;
        int rc;

        open_reader(3);
        for (size_t i = 0; i < len; i++) {
            bytes[i] = alphabet[fs_random_below(&random, sizeof(alphabet) - 1)];
            if (i > 0 && bytes[i - 1] == '\r')
                bytes[i] = '\n';
        }
        redisReaderFeed(hiredis, bytes, len);
        while ((rc = redisReaderGetReply(hiredis, &object)) == REDIS_OK && object)
            fs_reply_reader_take(&reader, object);
        refused += rc != REDIS_OK;
        close_reader();
    }
    FS_CHECK(refused > 1000);
}

#define TESTS(T)                                               \
    T(each_kind_is_read)                                       \
    T(errors_say_whether_the_command_ran)                      \
    T(bytes_that_are_no_reply_are_refused)                     \
    T(a_reply_nobody_asked_for_is_refused)                     \
    T(a_reply_that_is_too_large_is_refused)                    \
    T(replies_cut_anywhere_are_whole_until_they_are_forgotten) \
    T(any_bytes_end_in_a_reply_or_an_error)
FS_SUITE("store/reply", TESTS)
