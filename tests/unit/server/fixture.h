/* A server for a test: settings on free ports with a data folder of their own. */
#ifndef FS_TESTS_SERVER_FIXTURE_H
#define FS_TESTS_SERVER_FIXTURE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include <flashsale/flashsale.h>

struct fixture {
    char folder[64]; /* made for this test, removed with all in it at the end */
    struct fs_settings *settings;
    struct fs_server *server;
    struct fs_error error;
    pthread_mutex_t log_mutex; /* guards the rest */
    char log[16384];           /* all lines so far, cut */
    size_t log_len;
};

/* strategy: a path.  False: *fixture is of no use, and why was printed. */
bool fixture_open(struct fixture *fixture, const char *strategy);
bool fixture_set(struct fixture *fixture, const char *key, const char *value);

/* Creates the server, when there is none.  Returns what create did. */
int fixture_create(struct fixture *fixture);

/* The same, and starts it.  Returns what create or start did. */
int fixture_start(struct fixture *fixture);
const char *fixture_address(const struct fixture *fixture);

/* Whether a line of the log so far has the text.  Prints the log when what is expected is not so. */
bool fixture_logged(struct fixture *fixture, const char *text, bool expected);

/* Waits for such a line, at most 20 s. */
bool fixture_await_log(struct fixture *fixture, const char *text);

/* Stops and destroys whatever there is. */
void fixture_close(struct fixture *fixture);

/* Writes text to folder/name and gives the path, as long as the fixture. */
const char *fixture_file(struct fixture *fixture, const char *name, const char *text,
                         char path[128]);

/* Descriptors open in this process. */
size_t descriptor_count(void);

#endif
