/* Who asks: ties keys, users, limits and the pool together behind auth.h. */
#include "auth/auth.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>

#include <curl/curl.h>

#include "auth/cache.h"
#include "auth/fail.h"
#include "auth/key_source.h"
#include "auth/limiter.h"
#include "auth/login_pool.h"
#include "auth/material.h"
#include "auth/service.h"
#include "auth/token.h"
#include "base/clock.h"
#include "base/limits.h"

/* Bytes that one cached token is expected to take: our own tokens are short, those of identity
 * providers carry whatever they like. */
#define ROOM_OWN 256u
#define ROOM_FOREIGN 1024u

struct fs_auth {
    /* constant after create */
    int mode; /* FS_AUTH_OPTIONS_... */
    uint64_t seed;
    struct fs_log *log; /* borrowed */

    /* owned, built in this order */
    struct fs_limiter *limiter;
    struct fs_login_pool *pool;   /* mode users, else NULL */
    struct fs_key_source *source; /* mode jwt with a key set, else NULL */

    /* changing */
    pthread_mutex_t change;       /* held while new material is made from the current */
    struct fs_key_set *keys;      /* held; guarded by change: the source's last, else NULL */
    pthread_mutex_t mutex;        /* guards material and services */
    struct fs_material *material; /* held */
    struct fs_services *services; /* held; NULL: none */
    _Atomic uint64_t generation;  /* of material: read without the mutex by every cached lookup */
};

/* Material */

static struct fs_material *hold_material(struct fs_auth *auth)
{
    struct fs_material *material;

    pthread_mutex_lock(&auth->mutex);
    material = auth->material;
    fs_material_hold(material);
    pthread_mutex_unlock(&auth->mutex);
    return material;
}

/* material: given.  keeps_tokens: every token that was good still is, so that caches stay good. */
static void replace_material(struct fs_auth *auth, struct fs_material *material, bool keeps_tokens)
{
    struct fs_material *before;

    pthread_mutex_lock(&auth->mutex);
    before = auth->material;
    material->generation = atomic_load(&auth->generation) + (keeps_tokens ? 0 : 1);
    auth->material = material;
    atomic_store(&auth->generation, material->generation);
    pthread_mutex_unlock(&auth->mutex);
    fs_material_release(before);
}

/* The key source has read another set. */
static void on_keys(void *data, struct fs_key_set *set)
{
    struct fs_auth *auth = data;
    struct fs_material *material = NULL;
    bool keeps_tokens;

    pthread_mutex_lock(&auth->change);
    keeps_tokens = fs_key_set_is_within(auth->keys, set);
    material = auth->material ? fs_material_with_keys(auth->material, set) : NULL;
    if (material) {
        fs_key_set_hold(set);
        fs_key_set_release(auth->keys);
        auth->keys = set;
        replace_material(auth, material, keeps_tokens);
    }
    pthread_mutex_unlock(&auth->change);
    if (!material)
        fs_log_error(auth->log, "auth", "no memory for new keys: those of before stay in use");
}

static void replace_services(struct fs_auth *auth, struct fs_services *services)
{
    struct fs_services *before;

    pthread_mutex_lock(&auth->mutex);
    before = auth->services;
    auth->services = services;
    pthread_mutex_unlock(&auth->mutex);
    fs_services_release(before);
}

static int check_options(const struct fs_auth_options *options, char *error)
{
    if (options->login_failures_max == 0 || options->login_failures_address_max == 0)
        return fs_auth_fail(error, -EINVAL, "at least one failed log-in an hour must be allowed");
    if (options->mode == FS_AUTH_OPTIONS_USERS &&
        (options->login_threads == 0 || options->login_threads > FS_LOGIN_THREADS_MAX ||
         options->login_queue_max == 0))
        return fs_auth_fail(error, -EINVAL, "log-ins need 1 to %u threads and a queue of 1 or more",
                            FS_LOGIN_THREADS_MAX);
    return 0;
}

int fs_auth_reload(struct fs_auth *auth, const struct fs_auth_options *options,
                   char error[FS_AUTH_ERROR_SIZE])
{
    struct fs_services *services = NULL;
    struct fs_material *material;
    int rc = check_options(options, error);

    if (rc != 0)
        return rc;
    if ((int)options->mode != auth->mode)
        return fs_auth_fail(error, -EINVAL, "the mode of auth cannot change while running");
    if (options->service_file[0] != '\0')
        rc = fs_services_load(options->service_file, auth->log, &services, error);
    if (rc != 0)
        return rc;
    pthread_mutex_lock(&auth->change);
    rc = fs_material_create(options, auth->seed, auth->log, auth->keys, &material, error);
    if (rc == 0)
        replace_material(auth, material, false);
    pthread_mutex_unlock(&auth->change);
    if (rc != 0) {
        fs_services_release(services);
        return rc;
    }
    replace_services(auth, services);
    fs_limiter_set_max(auth->limiter, options->login_failures_max,
                       options->login_failures_address_max);
    return 0;
}

/* Log-ins */

static void refuse(struct fs_login *login, enum fs_login_result result, unsigned retry_after_s)
{
    login->result = result;
    login->retry_after_s = retry_after_s;
}

/* A name that cannot be an account is counted against the address alone. */
static struct fs_text account_of(const struct fs_login *login)
{
    return login->username.len <= FS_USERNAME_LEN_MAX && fs_token_is_subject(login->username)
               ? login->username
               : (struct fs_text){NULL, 0};
}

static void admit(const struct fs_material *material, struct fs_login *login)
{
    int64_t now_s = fs_clock_wall_ms() / 1000;

    login->expires_s = now_s + material->token_ttl_s;
    if (fs_token_make(&material->keys->keys[0].key, login->username, now_s, login->expires_s,
                      &login->token) != 0) {
        refuse(login, FS_LOGIN_LIMITED, 1); /* no memory: ask again */
        return;
    }
    login->generation = material->generation;
    login->expires_in_s = material->token_ttl_s;
    login->result = FS_LOGIN_OK;
}

static bool is_right(const struct fs_material *material, const struct fs_login *login,
                     struct crypt_data *scratch)
{
    bool knows_user, knows_password;

    if (account_of(login).len == 0)
        return false;
    if (material->mode == FS_AUTH_OPTIONS_USERS)
        return fs_users_check(material->users, login->username, login->password, scratch);
    /* Both are always looked at, so that time does not tell which was wrong. */
    knows_user = fs_material_is_demo_user(login->username);
    knows_password = fs_material_is_demo_password(material, login->password);
    return knows_user && knows_password;
}

/* The claim comes before the password is looked at: however many guess at once, no more guesses are
 * looked at than may fail. */
static void decide(void *data, struct fs_login *login, struct crypt_data *scratch)
{
    struct fs_auth *auth = data;
    struct fs_limiter_claim claim;
    struct fs_material *material;
    unsigned retry_after_s;
    bool right;

    if (fs_limiter_claim(auth->limiter, account_of(login), login->address, fs_clock_now_us(),
                         &claim, &retry_after_s) != 0) {
        refuse(login, FS_LOGIN_LIMITED, retry_after_s);
        return;
    }
    material = hold_material(auth);
    right = is_right(material, login, scratch);
    fs_limiter_settle(auth->limiter, &claim, !right);
    if (right)
        fs_limiter_know(auth->limiter, account_of(login), login->address, fs_clock_now_us());
    else
        fs_limiter_forget(auth->limiter, account_of(login), login->address);
    if (right)
        admit(material, login);
    else
        refuse(login, FS_LOGIN_BAD_CREDENTIALS, 0);
    fs_material_release(material);
}

static void run_login_done(struct fs_auth_letter *letter)
{
    struct fs_login *login = FS_CONTAINER_OF(letter, struct fs_login, letter);

    login->done(login);
}

int fs_login_start(struct fs_auth *auth, struct fs_login *login)
{
    unsigned retry_after_s;

    login->result = FS_LOGIN_UNSUPPORTED;
    login->retry_after_s = 0;
    login->expires_in_s = 0;
    login->token = NULL;
    login->letter.done = run_login_done;
    fs_link_init(&login->link);
    if (auth->mode == FS_AUTH_OPTIONS_JWT)
        return 0;
    if (auth->mode == FS_AUTH_OPTIONS_DEMO) {
        decide(auth, login, NULL);
        return 0;
    }
    if (fs_limiter_check(auth->limiter, account_of(login), login->address, fs_clock_now_us(),
                         &retry_after_s) != 0) {
        refuse(login, FS_LOGIN_LIMITED, retry_after_s);
        return 0;
    }
    if (fs_login_pool_put(auth->pool, login) != 0) {
        refuse(login, FS_LOGIN_LIMITED, 1);
        return 0;
    }
    return -EINPROGRESS;
}

void fs_auth_give_up_logins(struct fs_auth *auth)
{
    if (auth->pool)
        fs_login_pool_give_up(auth->pool);
    if (auth->source)
        fs_key_source_give_up(auth->source);
}

void fs_auth_delivered(struct fs_link *link)
{
    struct fs_auth_letter *letter = FS_CONTAINER_OF(link, struct fs_auth_letter, link);

    letter->done(letter);
}

void fs_auth_remember(struct fs_auth *auth, struct fs_auth_cache *cache,
                      const struct fs_login *login)
{
    const struct fs_text token = fs_text_of(login->token);
    uint64_t generation = atomic_load_explicit(&auth->generation, memory_order_acquire);
    struct fs_text known;
    int64_t expires_s;

    if (!fs_cache_find(cache, token, generation, &known, &expires_s))
        fs_cache_put(cache, token, login->generation, login->username, login->expires_s);
}

int fs_auth_await_keys(struct fs_auth *auth, struct fs_key_wait *wait)
{
    return auth->source ? fs_key_source_wait(auth->source, wait) : -ENOENT;
}

struct fs_key_source_figures fs_auth_key_figures(const struct fs_auth *auth)
{
    struct fs_key_source_figures figures = {.has_source = false};

    if (auth->source)
        figures = fs_key_source_figures(auth->source);
    return figures;
}

bool fs_auth_find_service(struct fs_auth *auth, struct fs_text token, struct fs_service *service)
{
    struct fs_services *services;
    bool found;

    pthread_mutex_lock(&auth->mutex);
    services = auth->services;
    if (services)
        fs_services_hold(services);
    pthread_mutex_unlock(&auth->mutex);
    found = services && fs_services_find(services, token, service);
    fs_services_release(services);
    return found;
}

/* Life */

static int start_pool(struct fs_auth *auth, const struct fs_auth_options *options, char *error)
{
    const struct fs_login_pool_options pool = {.thread_count = options->login_threads,
                                               .queue_max = options->login_queue_max,
                                               .decide = decide,
                                               .data = auth};

    if (auth->mode != FS_AUTH_OPTIONS_USERS)
        return 0;
    if (fs_login_pool_create(&pool, &auth->pool) != 0)
        return fs_auth_fail(error, -ENOMEM, "the threads for log-ins cannot be started");
    return 0;
}

static int start_source(struct fs_auth *auth, const struct fs_auth_options *options, char *error)
{
    const struct fs_key_source_options source = {.file = options->jwks_file,
                                                 .url = options->jwks_url,
                                                 .algorithms = options->jwt_algorithms,
                                                 .log = auth->log,
                                                 .on_change = on_keys,
                                                 .data = auth};

    if (auth->mode != FS_AUTH_OPTIONS_JWT ||
        (options->jwks_file[0] == '\0' && options->jwks_url[0] == '\0'))
        return 0;
    return fs_key_source_create(&source, &auth->source, &auth->keys, error);
}

/* Keys come first: the material is made of them. */
static int open_parts(struct fs_auth *auth, const struct fs_auth_options *options, char *error)
{
    int rc;

    /* A set that is read at once changes the material, which must be there by then. */
    pthread_mutex_lock(&auth->change);
    rc = start_source(auth, options, error);
    if (rc == 0)
        rc = fs_material_create(options, auth->seed, auth->log, auth->keys, &auth->material, error);
    if (rc == 0)
        auth->material->generation = 1;
    pthread_mutex_unlock(&auth->change);
    if (rc == 0 && options->service_file[0] != '\0')
        rc = fs_services_load(options->service_file, auth->log, &auth->services, error);
    return rc == 0 ? start_pool(auth, options, error) : rc;
}

int fs_auth_create(const struct fs_auth_options *options, struct fs_log *log, struct fs_auth **auth,
                   char error[FS_AUTH_ERROR_SIZE])
{
    struct fs_auth *made;
    int rc = check_options(options, error);

    if (rc != 0)
        return rc;
    made = calloc(1, sizeof(*made));
    if (!made)
        return fs_auth_fail(error, -ENOMEM, "no memory for auth");
    made->mode = (int)options->mode;
    made->log = log;
    pthread_mutex_init(&made->mutex, NULL);
    pthread_mutex_init(&made->change, NULL);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    if (getrandom(&made->seed, sizeof(made->seed), 0) != (ssize_t)sizeof(made->seed) ||
        fs_limiter_create(options->login_failures_max, options->login_failures_address_max,
                          &made->limiter) != 0) {
        rc = fs_auth_fail(error, -ENOMEM, "no memory for auth");
        goto destroy;
    }
    atomic_init(&made->generation, 1);
    rc = open_parts(made, options, error);
    if (rc != 0)
        goto destroy;
    *auth = made;
    return 0;
destroy:
    fs_auth_destroy(made);
    return rc;
}

void fs_auth_destroy(struct fs_auth *auth)
{
    if (!auth)
        return;
    fs_key_source_destroy(auth->source);
    fs_login_pool_destroy(auth->pool);
    fs_services_release(auth->services);
    fs_material_release(auth->material);
    fs_key_set_release(auth->keys);
    fs_limiter_destroy(auth->limiter);
    pthread_mutex_destroy(&auth->change);
    pthread_mutex_destroy(&auth->mutex);
    curl_global_cleanup();
    free(auth);
}

/* Tokens */

int fs_auth_cache_create(struct fs_auth *auth, unsigned capacity, struct fs_auth_cache **cache)
{
    struct fs_auth_cache *made = malloc(sizeof(*made));

    if (!made)
        return -ENOMEM;
    if (fs_cache_init(made, capacity,
                      auth->mode == FS_AUTH_OPTIONS_JWT ? ROOM_FOREIGN : ROOM_OWN) != 0) {
        free(made);
        return -ENOMEM;
    }
    *cache = made;
    return 0;
}

void fs_auth_cache_destroy(struct fs_auth_cache *cache)
{
    if (!cache)
        return;
    fs_cache_dispose(cache);
    free(cache);
}

static int verify_anew(const struct fs_material *material, struct fs_auth_cache *cache,
                       struct fs_text token, int64_t wall_s, struct fs_text *buyer)
{
    struct fs_token_claims claims;
    struct fs_text subject;
    int rc = fs_token_verify(&material->rules, token, wall_s, &claims);

    cache->why = claims.why;
    if (rc != 0)
        return rc == -ETIME || rc == -ENOKEY ? rc : -EACCES;
    memcpy(cache->buyer, claims.buyer, claims.buyer_len);
    subject = (struct fs_text){cache->buyer, claims.buyer_len};
    if (!fs_material_knows(material, subject)) {
        cache->why = "The token's buyer is not a user of this server.";
        return -EACCES;
    }
    fs_cache_put(cache, token, material->generation, subject, claims.expires_s);
    *buyer = subject;
    return 0;
}

const char *fs_auth_why(const struct fs_auth_cache *cache)
{
    return cache->why;
}

int fs_auth_verify(struct fs_auth *auth, struct fs_auth_cache *cache, struct fs_text token,
                   int64_t wall_s, struct fs_text *buyer)
{
    uint64_t generation = atomic_load_explicit(&auth->generation, memory_order_acquire);
    struct fs_material *material;
    struct fs_text known;
    int64_t expires_s;
    int rc;

    if (fs_cache_find(cache, token, generation, &known, &expires_s)) {
        if (expires_s <= wall_s) {
            cache->why = "The token has expired (exp).";
            return -ETIME;
        }
        *buyer = known;
        return 0;
    }
    material = hold_material(auth);
    rc = verify_anew(material, cache, token, wall_s, buyer);
    fs_material_release(material);
    return rc;
}
