#include "aws/chain.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/ini.h"
#include "ecom/record.h"

enum {
    ASK_MS = 2000, /* an agent beside us answers at once, or is not there */
    ASK_TRIES = 3,
    MAX_ANSWER = 64 << 10,
    EARLY_MS = 300000,  /* before the end of credentials, new ones are asked for */
    SOONEST_MS = 60000, /* not more often than this */
    AGAIN_MS = 1000,    /* after a failure, nobody asks for so long */
    MAX_SECRET = 16 << 10,
    ARENA_BYTES = 256 << 10
};

struct aws_chain {
    ecom_aws_options opts;
    const ecom_env *env;
    ecom_arena *arena; /* what the files say */
    struct aws_profile profile;
    struct aws_credentials fixed; /* given, or the profile's */

    pthread_mutex_t lock; /* whoever has it may be asking */
    ecom_arena *kept;     /* the credentials that were asked for */
    struct aws_credentials current;
    int64_t refresh_ms, expires_ms, again_ms; /* again: monotonic */
    ecom_error failure;                       /* until again_ms */
};

struct answer {
    ecom_str code, message, key_id, secret, token;
    int64_t expires_ms;
};

static const ecom_field answer_fields[] = {
    ECOM_FIELD(struct answer, code, "Code", STRING, .max = 256),
    ECOM_FIELD(struct answer, message, "Message", STRING, .flags = ECOM_LINES, .max = 4096),
    ECOM_FIELD(struct answer, key_id, "AccessKeyId", STRING, .max = 128),
    ECOM_FIELD(struct answer, secret, "SecretAccessKey", STRING, .flags = ECOM_SECRET, .max = 256),
    ECOM_FIELD(struct answer, token, "Token", STRING, .flags = ECOM_SECRET, .max = MAX_SECRET),
    ECOM_FIELD(struct answer, expires_ms, "Expiration", TIME),
};
static const ecom_record answer_record = ECOM_RECORD("Credentials", struct answer, answer_fields);

static int nomem(ecom_error *err)
{
    return ecom_fail(err, ECOM_E_NOMEM, "out of memory");
}

static int is_set(const char *s)
{
    return s && *s;
}

/* They go into headers: what would end one is not part of it. */
static int is_line(ecom_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < ' ' || s.p[i] > '~')
            return 0;
    return 1;
}

static int is_key(ecom_str s)
{
    return is_line(s) && (!s.n || !memchr(s.p, ' ', s.n));
}

static int check_keys(const struct aws_credentials *c)
{
    return c->key_id.n && c->secret.n && is_key(c->key_id) && is_key(c->secret) && is_key(c->token);
}

int ecom__aws_credentials_read(ecom_str json, ecom_arena *arena, struct aws_credentials *out,
                               int64_t *expires_ms, ecom_error *err)
{
    struct answer answer;
    ecom_error why;
    int r = ecom_record_read(&answer_record, json, NULL, arena, &answer, &why);

    if (r == ECOM_E_NOMEM)
        return nomem(err);
    if (r < 0) /* without the text, which may quote what is secret */
        return ecom_fail(err, ECOM_E_UNAVAILABLE, "credentials: %s is not as it should be",
                         why.field[0] ? why.field : "the answer");
    struct aws_credentials c = {answer.key_id, answer.secret, answer.token};
    if (!check_keys(&c) || (answer.code.n && !ecom_str_eq(answer.code, ecom_str_of("Success"))))
        return ecom_fail(err, ECOM_E_UNAVAILABLE, "credentials: there are none: %.*s %.*s",
                         (int)answer.code.n, answer.code.p ? answer.code.p : "",
                         (int)answer.message.n, answer.message.p ? answer.message.p : "");
    *out = c;
    *expires_ms = answer.expires_ms == ECOM_ABSENT ? INT64_MAX : answer.expires_ms;
    return ECOM_OK;
}

/* The profile's file. */
struct profile_reader {
    const char *name;
    ecom_arena *arena;
    int in_config, found, nomem;
    struct aws_credentials *keys;
    struct aws_profile *profile;
    const char *unsupported; /* the first of its settings that is not done here */
};

static void keep(struct profile_reader *r, ecom_str *to, ecom_str value)
{
    *to = ecom_arena_copy(r->arena, value);
    r->nomem |= !to->p;
}

static void take_pair(void *user, ecom_str section, ecom_str name, ecom_str value)
{
    static const char *const not_done[] = {"role_arn", "sso_session", "sso_start_url",
                                           "credential_process", "web_identity_token_file"};
    struct profile_reader *r = user;
    ecom_str text;

    if (!ecom__aws_ini_is_profile(section, r->name, r->in_config))
        return;
    r->found = 1;
    if (ecom_str_eq(name, ecom_str_of("aws_access_key_id"))) {
        keep(r, &r->keys->key_id, value);
    } else if (ecom_str_eq(name, ecom_str_of("aws_secret_access_key"))) {
        keep(r, &r->keys->secret, value);
    } else if (ecom_str_eq(name, ecom_str_of("aws_session_token"))) {
        keep(r, &r->keys->token, value);
    } else if (ecom_str_eq(name, ecom_str_of("region"))) {
        keep(r, &text, value);
        r->profile->region = text.p;
    } else if (ecom_str_eq(name, ecom_str_of("ca_bundle"))) {
        keep(r, &text, value);
        r->profile->ca_bundle = text.p;
    }
    for (size_t i = 0; i < sizeof(not_done) / sizeof(not_done[0]); i++)
        if (ecom_str_eq(name, ecom_str_of(not_done[i])))
            r->unsupported = not_done[i];
}

/* No file is an empty one. */
static int read_file(const char *path, size_t max, ecom_buf *out, ecom_error *err)
{
    FILE *file = fopen(path, "re");
    size_t n = 1;

    if (!file)
        return errno == ENOENT || errno == ENOTDIR
                   ? ECOM_OK
                   : ecom_fail(err, ECOM_E_INVAL, "%s: %s", path, strerror(errno));
    while (n && out->n <= max) {
        if (ecom_buf_reserve(out, 4096) < 0) {
            fclose(file);
            return nomem(err);
        }
        n = fread(out->p + out->n, 1, 4096, file);
        out->n += n;
    }
    int bad = ferror(file);
    fclose(file);
    if (bad)
        return ecom_fail(err, ECOM_E_INVAL, "%s: cannot be read", path);
    return out->n > max ? ecom_fail(err, ECOM_E_TOOLARGE, "%s: has more than %zu bytes", path, max)
                        : ECOM_OK;
}

static int read_profile_file(struct profile_reader *reader, const char *path, ecom_error *err)
{
    ecom_buf text = {0};
    ecom_error why = {0};

    if (!is_set(path))
        return ECOM_OK;
    int r = read_file(path, AWS_INI_MAX_BYTES, &text, err);
    if (r == ECOM_OK && (r = ecom__aws_ini_read(ecom_buf_str(&text), take_pair, reader, &why)) < 0)
        r = ecom_fail(err, r, "%s: %s", path, why.text);
    if (text.p)
        sodium_memzero(text.p, text.n);
    ecom_buf_free(&text);
    return r == ECOM_OK && reader->nomem ? nomem(err) : r;
}

/* What the credentials file says wins over the configuration file. */
static int read_profile(struct aws_chain *chain, ecom_error *err)
{
    const ecom_aws_options *o = &chain->opts;
    struct aws_credentials keys = {0};
    struct profile_reader reader = {
        .name = is_set(o->profile) ? o->profile : "default",
        .arena = chain->arena,
        .in_config = 1,
        .keys = &keys,
        .profile = &chain->profile,
    };
    int r = read_profile_file(&reader, o->config_file, err);

    reader.in_config = 0;
    if (r == ECOM_OK)
        r = read_profile_file(&reader, o->credentials_file, err);
    if (r < 0)
        return r;
    if (!reader.found && is_set(o->profile))
        return ecom_fail_field(err, ECOM_E_NOTFOUND, "profile", "no profile %s in %s or %s",
                               o->profile, is_set(o->credentials_file) ? o->credentials_file : "-",
                               is_set(o->config_file) ? o->config_file : "-");
    if (chain->fixed.key_id.n)
        return ECOM_OK;
    if (reader.unsupported && !keys.key_id.n)
        return ecom_fail_field(err, ECOM_E_NOTSUP, "profile",
                               "profile %s: %s is not supported; export the credentials, with "
                               "'aws configure export-credentials'",
                               reader.name, reader.unsupported);
    if ((keys.key_id.n || keys.secret.n) && !check_keys(&keys))
        return ecom_fail_field(err, ECOM_E_INVAL, "profile",
                               "profile %s: aws_access_key_id and aws_secret_access_key must both "
                               "be there, and be keys",
                               reader.name);
    chain->fixed = keys;
    return ECOM_OK;
}

static int take_given(struct aws_chain *chain, ecom_error *err)
{
    const ecom_aws_options *o = &chain->opts;

    chain->fixed =
        (struct aws_credentials){ecom_str_of(o->access_key_id), ecom_str_of(o->secret_access_key),
                                 ecom_str_of(o->session_token)};
    if (!is_set(o->access_key_id) && !is_set(o->secret_access_key)) {
        chain->fixed = (struct aws_credentials){0};
        return ECOM_OK;
    }
    if (!check_keys(&chain->fixed))
        return ecom_fail_field(err, ECOM_E_INVAL,
                               is_set(o->access_key_id) ? "secret_access_key" : "access_key_id",
                               "an access key id needs its secret key, and both must be keys");
    return ECOM_OK;
}

int ecom__aws_chain_new(const ecom_aws_options *opts, struct aws_chain **out, ecom_error *err)
{
    struct aws_chain *chain = calloc(1, sizeof(*chain));

    if (!chain)
        return nomem(err);
    pthread_mutex_init(&chain->lock, NULL);
    chain->opts = *opts;
    chain->env = opts->env;
    chain->again_ms = INT64_MIN;
    chain->arena = ecom_arena_new(ARENA_BYTES);
    chain->kept = ecom_arena_new(ARENA_BYTES);
    int r = chain->arena && chain->kept ? take_given(chain, err) : nomem(err);
    if (r == ECOM_OK)
        r = read_profile(chain, err);
    if (r == ECOM_OK && is_set(opts->container_full_uri) &&
        !ecom__aws_container_uri_valid(opts->container_full_uri))
        r = ecom_fail_field(err, ECOM_E_INVAL, "container_full_uri",
                            "must be https, or a container agent's address");
    if (r < 0) {
        ecom__aws_chain_free(chain);
        return r;
    }
    *out = chain;
    return ECOM_OK;
}

const struct aws_profile *ecom__aws_chain_profile(const struct aws_chain *chain)
{
    return &chain->profile;
}

void ecom__aws_chain_free(struct aws_chain *chain)
{
    if (!chain)
        return;
    pthread_mutex_destroy(&chain->lock);
    ecom_arena_free(chain->arena);
    ecom_arena_free(chain->kept);
    free(chain);
}

int ecom__aws_container_uri_valid(const char *uri)
{
    static const char *const hosts[] = {"127.0.0.1",     "localhost",      "[::1]",
                                        "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"};

    for (const char *p = uri; *p; p++)
        if (*p <= ' ' || *p > '~' || *p == '@' || *p == '\\')
            return 0;
    if (strncmp(uri, "https://", 8) == 0)
        return uri[8] != '\0';
    if (strncmp(uri, "http://", 7) != 0)
        return 0;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        size_t n = strlen(hosts[i]);
        if (strncmp(uri + 7, hosts[i], n) == 0 && (!uri[7 + n] || strchr(":/?", uri[7 + n])))
            return 1;
    }
    return 0;
}

/* How one source is asked. */
struct asking {
    struct aws_chain *chain;
    const struct aws_transport *transport;
    void *self;
    struct aws_response response;
};

/* Once more when nobody answers, or with a 5xx. */
static int ask(struct asking *a, const char *method, const char *url, const ecom_header *headers,
               size_t nheaders, ecom_error *err)
{
    const struct aws_request request = {
        .method = method,
        .url = url,
        .headers = headers,
        .nheaders = nheaders,
        .timeout_ms = ASK_MS,
        .max_bytes = MAX_ANSWER,
    };
    int r = ECOM_OK;

    for (int i = 0; i < ASK_TRIES; i++) {
        ecom__aws_response_clear(&a->response);
        r = a->transport->call(a->self, &request, &a->response, err);
        if (r == ECOM_OK && a->response.status < 500)
            break;
        if (r == ECOM_E_CLOSED || r == ECOM_E_NOMEM || i + 1 == ASK_TRIES)
            break;
        a->transport->wait(a->self, 100 << i);
    }
    if (r < 0)
        return r == ECOM_E_CLOSED || r == ECOM_E_NOMEM ? r : ECOM_E_UNAVAILABLE;
    if (a->response.status != 200)
        return ecom_fail(err, ECOM_E_UNAVAILABLE, "credentials: %.80s answered with %d", url,
                         (int)a->response.status);
    return ECOM_OK;
}

static int container_url(const ecom_aws_options *o, char *out, size_t size, ecom_error *err)
{
    int n = is_set(o->container_relative_uri)
                ? snprintf(out, size, "http://169.254.170.2%s%s",
                           *o->container_relative_uri == '/' ? "" : "/", o->container_relative_uri)
                : snprintf(out, size, "%s", o->container_full_uri);

    return n < 0 || (size_t)n >= size || !ecom__aws_container_uri_valid(out)
               ? ecom_fail_field(err, ECOM_E_INVAL, "container_relative_uri",
                                 "the container's credentials have no address that could be used")
               : ECOM_OK;
}

/* The token of a file is read each time: it changes. */
static int container_token(const ecom_aws_options *o, ecom_buf *out, ecom_error *err)
{
    int r = is_set(o->container_token_file)
                ? read_file(o->container_token_file, MAX_SECRET, out, err)
            : ecom_buf_append(out, ecom_str_of(o->container_token)) < 0 ? nomem(err)
                                                                        : ECOM_OK;

    while (out->n && strchr(" \r\n", out->p[out->n - 1]))
        out->n--;
    if (r == ECOM_OK &&
        (!is_line(ecom_buf_str(out)) || (is_set(o->container_token_file) && !out->n)))
        r = ecom_fail(err, ECOM_E_UNAVAILABLE, "credentials: the container's token is none");
    return r;
}

static int ask_container(struct asking *a, ecom_error *err)
{
    const ecom_aws_options *o = &a->chain->opts;
    char url[1024];
    ecom_buf token = {0};
    int r = container_url(o, url, sizeof(url), err);

    if (r == ECOM_OK)
        r = container_token(o, &token, err);
    const ecom_header header = {ecom_str_of("Authorization"), ecom_buf_str(&token)};
    if (r == ECOM_OK)
        r = ask(a, "GET", url, &header, token.n > 0, err);
    if (token.p)
        sodium_memzero(token.p, token.n);
    ecom_buf_free(&token);
    return r;
}

/* Version 2 of the metadata service: a token first; then the role's name; then its credentials. */
static int ask_machine(struct asking *a, ecom_error *err)
{
    static const char roles[] = "/latest/meta-data/iam/security-credentials/";
    const ecom_aws_options *o = &a->chain->opts;
    const char *base =
        is_set(o->metadata_endpoint) ? o->metadata_endpoint : "http://169.254.169.254";
    int n = (int)strlen(base) - (base[strlen(base) - 1] == '/');
    char url[1024], token[512];
    const ecom_header ttl = {ecom_str_of("X-aws-ec2-metadata-token-ttl-seconds"),
                             ecom_str_of("21600")};

    snprintf(url, sizeof(url), "%.*s/latest/api/token", n, base);
    int r = ask(a, "PUT", url, &ttl, 1, err);
    if (r < 0)
        return r;
    snprintf(token, sizeof(token), "%.*s", (int)a->response.body.n, a->response.body.p);
    const ecom_header header = {ecom_str_of("X-aws-ec2-metadata-token"), ecom_str_of(token)};
    snprintf(url, sizeof(url), "%.*s%s", n, base, roles);
    if (!is_key(header.value) || !header.value.n)
        return ecom_fail(err, ECOM_E_UNAVAILABLE, "credentials: the metadata service's token");
    if ((r = ask(a, "GET", url, &header, 1, err)) < 0)
        return r;
    ecom_str role = ecom_buf_str(&a->response.body);
    if (role.n)
        role.n = strcspn(role.p, "\r\n");
    if (!role.n || role.n > 256 || !is_key(role) || memchr(role.p, '/', role.n))
        return ecom_fail(err, ECOM_E_UNAUTHENTICATED, "credentials: this machine has no role");
    snprintf(url, sizeof(url), "%.*s%s%.*s", n, base, roles, (int)role.n, role.p);
    return ask(a, "GET", url, &header, 1, err);
}

static int copy(const struct aws_credentials *from, ecom_arena *arena, struct aws_credentials *out,
                ecom_error *err)
{
    const struct aws_credentials c = {ecom_arena_copy(arena, from->key_id),
                                      ecom_arena_copy(arena, from->secret),
                                      ecom_arena_copy(arena, from->token)};

    if (!c.key_id.p || !c.secret.p || !c.token.p)
        return nomem(err);
    *out = c;
    return ECOM_OK;
}

/* New ones in the place of those that were kept. */
static int replace(struct aws_chain *chain, ecom_str json, ecom_error *err)
{
    ecom_arena *arena = ecom_arena_new(ARENA_BYTES);
    struct aws_credentials c;
    int64_t expires, now = ecom_env_now_ms(chain->env);
    int r = arena ? ecom__aws_credentials_read(json, arena, &c, &expires, err) : nomem(err);

    if (r == ECOM_OK && expires <= now)
        r = ecom_fail(err, ECOM_E_UNAVAILABLE, "credentials: those that came have ended already");
    if (r < 0) {
        ecom_arena_free(arena);
        return r;
    }
    ecom_arena_free(chain->kept);
    chain->kept = arena;
    chain->current = c;
    chain->expires_ms = expires;
    chain->refresh_ms = expires == INT64_MAX                    ? INT64_MAX
                        : expires - EARLY_MS > now + SOONEST_MS ? expires - EARLY_MS
                                                                : now + SOONEST_MS;
    return ECOM_OK;
}

static int fetch(struct aws_chain *chain, const struct aws_transport *transport, void *self,
                 ecom_error *err)
{
    const ecom_aws_options *o = &chain->opts;
    struct asking a = {.chain = chain, .transport = transport, .self = self};
    int r;

    if (is_set(o->container_relative_uri) || is_set(o->container_full_uri))
        r = ask_container(&a, err);
    else if (!o->metadata_disabled)
        r = ask_machine(&a, err);
    else
        return ecom_fail(err, ECOM_E_UNAUTHENTICATED,
                         "credentials: no keys are set, the profile has none, there is no "
                         "container's agent, and the metadata service is disabled");
    if (r == ECOM_OK)
        r = replace(chain, ecom_buf_str(&a.response.body), err);
    if (a.response.body.p)
        sodium_memzero(a.response.body.p, a.response.body.n);
    ecom__aws_response_clear(&a.response);
    return r;
}

/* Held by one at a time: the others wait for what it gets, or share its failure. */
static int refresh(struct aws_chain *chain, const struct aws_transport *transport, void *self,
                   ecom_error *err)
{
    int64_t now = ecom_env_now_ms(chain->env), clock = ecom_env_monotonic_ms(chain->env);
    int holds = chain->current.key_id.n && now < chain->expires_ms;
    ecom_error why = {0};

    if (holds && now < chain->refresh_ms)
        return ECOM_OK;
    int r = clock < chain->again_ms ? chain->failure.code : fetch(chain, transport, self, &why);
    if (r == ECOM_OK)
        return r;
    if (clock >= chain->again_ms && r != ECOM_E_CLOSED) {
        const ecom_log_field field = {"reason", ecom_str_of(why.text), 0};
        why.code = r;
        chain->failure = why;
        chain->again_ms = clock + (holds ? SOONEST_MS : AGAIN_MS);
        ecom_log_write(chain->opts.log, ECOM_LOG_WARN, "AWS credentials could not be had", &field,
                       1);
    }
    if (holds)
        return ECOM_OK;
    if (err)
        *err = r == ECOM_E_CLOSED ? why : chain->failure;
    return r;
}

int ecom__aws_chain_get(struct aws_chain *chain, const struct aws_transport *transport, void *self,
                        ecom_arena *arena, struct aws_credentials *out, ecom_error *err)
{
    if (chain->fixed.key_id.n)
        return copy(&chain->fixed, arena, out, err);
    pthread_mutex_lock(&chain->lock);
    int r = refresh(chain, transport, self, err);
    if (r == ECOM_OK)
        r = copy(&chain->current, arena, out, err);
    pthread_mutex_unlock(&chain->lock);
    return r;
}

void ecom__aws_chain_spoil(struct aws_chain *chain, ecom_str key_id)
{
    pthread_mutex_lock(&chain->lock);
    if (ecom_str_eq(chain->current.key_id, key_id))
        chain->expires_ms = INT64_MIN;
    pthread_mutex_unlock(&chain->lock);
}
