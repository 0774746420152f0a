/** @file
 * GraphQL (specification of September 2025): a schema from its own language, resolvers beside it,
 * documents checked once and executed level by level. It knows no transport and no shop.
 *
 *     static int hello(ecom_graphql_call *call, void *user, ecom_error *err)
 *     {
 *         for (uint32_t i = 0; i < call->n; i++)
 *             ecom_graphql_set_str(&call->results[i], ecom_str_of("world"));
 *         return ECOM_OK;
 *     }
 *     static const ecom_graphql_resolver resolvers[] = {{"Query", "hello", hello, NULL}};
 *     ecom_graphql_options options = ECOM_GRAPHQL_OPTIONS_INIT;
 *     options.sdl = ecom_str_of("type Query { hello: String! }");
 *     options.resolvers = resolvers, options.nresolvers = 1;
 *     ecom_graphql_new(&options, &graphql, NULL, &err);
 *     ecom_graphql_handle(graphql, ecom_str_of("{\"query\":\"{ hello }\"}"), NULL, arena, &out,
 *                         &outcome, &err);
 */
#ifndef ECOM_GRAPHQL_H
#define ECOM_GRAPHQL_H

#include "json.h"
#include "env.h"
#include "record.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A schema with its resolvers and its cache of documents. */
typedef struct ecom_graphql ecom_graphql;
/** A document that was parsed and checked against its schema: never changes, any thread. */
typedef struct ecom_graphql_document ecom_graphql_document;

/** What a value is that a resolver gives. */
typedef enum ecom_graphql_kind {
    ECOM_GRAPHQL_NULL = 0,
    ECOM_GRAPHQL_BOOL,   /**< as.i */
    ECOM_GRAPHQL_INT,    /**< as.i */
    ECOM_GRAPHQL_FLOAT,  /**< as.f */
    ECOM_GRAPHQL_STRING, /**< as.s, n bytes of UTF-8; also for an ID, an enum value */
    ECOM_GRAPHQL_NUMBER, /**< as.s, n bytes: a number as JSON writes it, `19.99` */
    ECOM_GRAPHQL_LIST,   /**< as.items, n of them */
    ECOM_GRAPHQL_OBJECT, /**< as.object: a parent for the resolvers of its fields; never NULL */
    ECOM_GRAPHQL_JSON,   /**< as.json: of a custom scalar, written as it is */
    ECOM_GRAPHQL_ERROR   /**< as.error: this item failed */
} ecom_graphql_kind;

/** One value. What it points to must live as long as the request's arena; a list's items are its
 *  own and no other value's. */
typedef struct ecom_graphql_value {
    uint32_t kind; /**< ecom_graphql_kind */
    uint32_t n;
    union {
        int64_t i;
        double f;
        const char *s;
        struct ecom_graphql_value *items;
        const void *object;
        const ecom_json *json;
        const ecom_error *error;
    } as;
} ecom_graphql_value;

/** One call of a resolver: one field, for all objects of a level that ask for it. */
typedef struct ecom_graphql_call {
    uint32_t size;
    uint32_t n;                  /**< parents: 1 or more */
    const void *const *parents;  /**< what resolvers gave as ECOM_GRAPHQL_OBJECT; for a field of
                                      a root type the one root of the request */
    ecom_graphql_value *results; /**< n, all null: fill results[i] for parents[i] */
    const ecom_json *arguments;  /**< an object: coerced, with defaults; an argument that was not
                                      given is not in it. An enum value is a string */
    void *context;               /**< of the request */
    ecom_arena *arena;           /**< the request's, for what results point to */
    const char *type, *field;    /**< names, for resolvers that serve many fields */
    int32_t composite;           /**< 1: objects are asked for, 0: scalars or enum values */
    /** Set by a resolver that has only begun, such as by queueing a call to a service: it is called
     *  for the same @p call once all resolvers of the level have begun and options.wait has
     *  returned. It may set itself, or another, again. */
    int (*finish)(struct ecom_graphql_call *call, void *user, ecom_error *err);
    void *state; /**< the resolver's own, from one call to the next */
} ecom_graphql_call;

/**
 * Resolves one field of all parents of a level. May block: it runs on the thread that executes;
 * what waits for others should set call->finish, so that all I/O of a level goes on at once.
 * @return ECOM_OK; a code, with @p err filled: every item failed for this reason.
 * Threads: called at the same time for different requests.
 */
typedef int (*ecom_graphql_resolve_fn)(ecom_graphql_call *call, void *user, ecom_error *err);

/** Who resolves what. Field "*" serves every field of the type that has no line of its own, and
 *  type "*" with field "*" every field without any. Field "__typename" of an interface or union
 *  says of which object type each parent is, by its name as a string. A field without resolver
 *  reads its parent as `const ecom_json *`, see ecom_graphql_resolve_json(). */
typedef struct ecom_graphql_resolver {
    const char *type, *field;
    ecom_graphql_resolve_fn fn;
    void *user;
} ecom_graphql_resolver;

/** Parents are `const ecom_json *` objects: the member of the field's name, null when missing; an
 *  interface's or union's "__typename" is a member too. @p user: not used. */
ECOM_API int ecom_graphql_resolve_json(ecom_graphql_call *call, void *user, ecom_error *err);
/** Parents are structs of the `const ecom_record *` that is @p user: its field of that name. Money
 *  is a number, a time RFC 3339, an enum its name. Secret and private fields are never given. */
ECOM_API int ecom_graphql_resolve_record(ecom_graphql_call *call, void *user, ecom_error *err);
/** Appends a record as part of a schema's text, for that resolver: the object type that is called
 * as the record, without secret and private fields, and an enum for each field of names,
 * `OrderStatus` for `status` of Order. Money is `Money`, a time `DateTime`: say `scalar Money` and
 * give ecom_graphql_money where they occur. Records within it are written by calls of their own;
 * what the record does not have, `extend type` adds.
 *  @return ECOM_OK, ECOM_E_NOMEM. */
ECOM_API ECOM_MUST_USE int ecom_graphql_write_record(const ecom_record *record, ecom_buf *out);

/** The value and its kind at once; a NULL string or object is null. Bytes are borrowed. */
ECOM_API void ecom_graphql_set_str(ecom_graphql_value *value, ecom_str s);
ECOM_API void ecom_graphql_set_int(ecom_graphql_value *value, int64_t i);
ECOM_API void ecom_graphql_set_float(ecom_graphql_value *value, double f);
ECOM_API void ecom_graphql_set_bool(ecom_graphql_value *value, int truth);
ECOM_API void ecom_graphql_set_object(ecom_graphql_value *value, const void *object);
/** Minor units, as ecom_money_write() has them. @return ECOM_OK, ECOM_E_NOMEM. */
ECOM_API ECOM_MUST_USE int ecom_graphql_set_money(ecom_graphql_call *call,
                                                  ecom_graphql_value *value, int64_t minor);
/** As JSON says: numbers, strings, lists; an object is a parent for resolvers.
 *  @return ECOM_OK, ECOM_E_NOMEM. */
ECOM_API ECOM_MUST_USE int ecom_graphql_set_json(ecom_graphql_call *call, ecom_graphql_value *value,
                                                 const ecom_json *json);
/** Makes @p value a list of @p n nulls, to be filled in value->as.items.
 *  @return ECOM_OK, ECOM_E_NOMEM. */
ECOM_API ECOM_MUST_USE int ecom_graphql_set_list(ecom_graphql_call *call, ecom_graphql_value *value,
                                                 uint32_t n);
/** Fails one item; the others are not touched. */
ECOM_API void ecom_graphql_set_error(ecom_graphql_call *call, ecom_graphql_value *value,
                                     const ecom_error *err);
/** The argument called @p name; NULL when it was not given. It may be an explicit null. */
ECOM_API const ecom_json *ecom_graphql_arg(const ecom_graphql_call *call, const char *name);
/** The bytes of a string argument; p is NULL when not given, or null. */
ECOM_API ecom_str ecom_graphql_arg_str(const ecom_graphql_call *call, const char *name);
/** An Int argument; @p fallback when not given, or null. */
ECOM_API int64_t ecom_graphql_arg_int(const ecom_graphql_call *call, const char *name,
                                      int64_t fallback);

/** A custom scalar: how it is read and written. A scalar of the schema without one of these takes
 *  and gives every value. */
typedef struct ecom_graphql_scalar {
    const char *name;
    /** Checks an input (and may put another value in its place).
     *  @return ECOM_OK; ECOM_E_INVAL with err->text: "must have at most two places". NULL: all. */
    int (*read)(void *user, const ecom_json *in, ecom_arena *arena, const ecom_json **out,
                ecom_error *err);
    /** Appends a result as JSON. @return ECOM_OK; ECOM_E_INVAL, the item fails. NULL: as it is. */
    int (*write)(void *user, const ecom_graphql_value *value, ecom_buf *out, ecom_error *err);
    void *user;
} ecom_graphql_scalar;

/** `scalar Money`: a decimal number with at most two places; a result may be a number, or minor
 *  units as ECOM_GRAPHQL_INT. */
ECOM_API extern const ecom_graphql_scalar ecom_graphql_money;
/** `scalar DateTime`: RFC 3339; a result may be a string, or milliseconds as ECOM_GRAPHQL_INT. */
ECOM_API extern const ecom_graphql_scalar ecom_graphql_datetime;

/** Bounds on what a request may ask. Zero means the default. Each error names its limit. */
typedef struct ecom_graphql_limits {
    uint32_t size;
    uint32_t max_bytes;      /**< of a document: 256 KiB, at most 16 MiB */
    uint32_t max_tokens;     /**< 10,000 */
    uint32_t max_nesting;    /**< braces and brackets inside each other, as written: 64, at most
                                  200 */
    uint32_t max_depth;      /**< fields below each other, fragments spread: 15, at most 200 */
    uint32_t max_aliases;    /**< 50 */
    uint32_t max_roots;      /**< fields of the root, fragments spread: 50 */
    uint32_t max_directives; /**< 100 */
    uint32_t max_fields;     /**< of an operation, fragments spread: 5,000 */
    uint32_t max_results;    /**< values in one response: 1,000,000 */
    uint32_t max_cost; /**< of an operation, known before it runs: 100,000. A field is one, and
                            counts once for every item of the lists around it: as many as an
                            argument `first` or `last` says, of the list or of the field
                            around it (a connection); else list_size */
    uint32_t max_variable_bytes; /**< of all texts and numbers in `variables`: 256 KiB */
    uint32_t list_size;          /**< items that a list is taken to have: 10 */
    uint32_t max_deferred; /**< fragments and lists of one operation that come later, counted by
                                object: 1,000; more come with what is around them */
    uint32_t max_items;    /**< of streamed lists, in one part: 100 */
} ecom_graphql_limits;

/** Whether requests may name their document by its SHA-256 instead of sending it. */
typedef enum ecom_graphql_persisted {
    ECOM_GRAPHQL_PERSISTED_OFF = 0,
    /** `extensions.persistedQuery.sha256Hash` or `documentId`: a client that is told
     *  PERSISTED_QUERY_NOT_FOUND sends text and hash once. Kept like all prepared documents. */
    ECOM_GRAPHQL_PERSISTED_AUTOMATIC = 1,
    /** Only options.trusted runs, named by hash or sent as text; all else is refused. */
    ECOM_GRAPHQL_PERSISTED_TRUSTED = 2
} ecom_graphql_persisted;

/** Who feeds a field of the subscription's root type: see <ecom/subscribe.h>. */
typedef struct ecom_graphql_subscriber ecom_graphql_subscriber;

/** How a schema is opened. */
typedef struct ecom_graphql_options {
    uint32_t size;
    ecom_str sdl; /**< the schema's text; copied */
    const ecom_graphql_resolver *resolvers;
    size_t nresolvers;
    const ecom_graphql_scalar *scalars;
    size_t nscalars;
    ecom_graphql_limits limits;
    int32_t no_introspection; /**< 1: __schema and __type are refused */
    uint32_t max_documents;   /**< kept prepared: 1,000 */
    uint32_t max_cache_bytes; /**< of their texts and trees, about: 8 MiB */
    const ecom_env *env;      /**< NULL: the system's */
    /** Called with each error of a resolver before it is answered; may change code and text, to
     *  log a cause and mask it. NULL: texts of ECOM_E_BACKEND, ECOM_E_CORRUPT and ECOM_E_NOMEM are
     *  answered as "Internal error". */
    void (*on_error)(void *user, void *context, const char *type, const char *field,
                     ecom_error *err);
    void *user;
    ecom_graphql_persisted persisted; /**< of ecom_graphql_handle() and _handle_http() */
    const ecom_str *trusted;          /**< texts; copied, checked at opening */
    size_t ntrusted;
    const ecom_graphql_subscriber *subscribers; /**< must outlive the handle */
    size_t nsubscribers;
    /** Waits for what resolvers with call->finish have begun, all of a level at once, until
     *  @p deadline_us at the latest (the request's; 0: none). @p user: as of on_error. NULL:
     * nothing is to be waited for. */
    void (*wait)(void *user, void *context, int64_t deadline_us);
    int32_t incremental; /**< 1: the schema has `@defer` and `@stream`; see ecom_graphql_begin() */
} ecom_graphql_options;
#define ECOM_GRAPHQL_OPTIONS_INIT    \
    {                                \
        sizeof(ecom_graphql_options) \
    }

/**
 * Reads and checks a schema, and joins its resolvers to it.
 * @param problems  nullable: everything that is wrong, a line each, `3:5: ...`.
 * @return ECOM_OK; ECOM_E_INVAL (err->text is the first problem; also a resolver for a field that
 *         is not there, or a trusted document that is not valid); ECOM_E_TOOLARGE (a trusted
 *         document over a limit); ECOM_E_NOMEM.
 * Threads: any.   Since: 0.1
 */
ECOM_API ECOM_MUST_USE int ecom_graphql_new(const ecom_graphql_options *options, ecom_graphql **out,
                                            ecom_buf *problems, ecom_error *err);
/** Nothing that was begun with it may still run; documents may outlive it. NULL is fine. */
ECOM_API void ecom_graphql_free(ecom_graphql *graphql);
/** Appends the schema in its own language, types by name. */
ECOM_API ECOM_MUST_USE int ecom_graphql_print(const ecom_graphql *graphql, ecom_buf *out);

/** What became of a request. */
typedef enum ecom_graphql_outcome {
    ECOM_GRAPHQL_EXECUTED = 0,    /**< the response has `data`, which may be null */
    ECOM_GRAPHQL_REFUSED = 1,     /**< it did not run: the response has `errors` only */
    ECOM_GRAPHQL_MALFORMED = 2,   /**< as REFUSED: the body was no request (HTTP 400) */
    ECOM_GRAPHQL_NOT_ALLOWED = 3, /**< as REFUSED: a mutation where only queries go (HTTP 405) */
    ECOM_GRAPHQL_EXCEEDED = 4,    /**< as REFUSED: a limit, which the error names */
    ECOM_GRAPHQL_UNREADABLE = 5   /**< as REFUSED: the document is not GraphQL */
} ecom_graphql_outcome;

/** What a caller knows of a request beside its text. Zero is fine. */
typedef struct ecom_graphql_request {
    uint32_t size;
    int32_t only_queries;       /**< 1: refuse mutations, as over GET */
    int32_t event;              /**< 1: run a subscription once, with `root` as what happened */
    ecom_str operation_name;    /**< p NULL: the document's only operation */
    const ecom_json *variables; /**< nullable; an object */
    const void *root;           /**< parent of the root fields */
    void *context;              /**< handed to every resolver */
    int64_t deadline_us;        /**< by the env's monotonic clock; 0: none. Fields that would start
                                     later fail with ECOM_E_TIMEOUT */
    int32_t show_cost;          /**< 1: the response tells its cost, as `extensions.cost`; so does
                                     `"extensions":{"cost":true}` of a body */
    int32_t dialect;            /**< ecom_graphql_dialect, of results that come in parts */
} ecom_graphql_request;

/** How parts after the first are written. */
typedef enum ecom_graphql_dialect {
    ECOM_GRAPHQL_PARTS = 0,     /**< `pending`, `incremental` by id, `completed`: graphql-js 17, and
                                     Apollo's `incrementalSpec=v0.2` */
    ECOM_GRAPHQL_PARTS_2022 = 1 /**< `incremental` by path: Apollo's `deferSpec=20220824` */
} ecom_graphql_dialect;

/**
 * Handles the JSON body of a request: `query`, `operationName`, `variables`, `extensions`. The
 * document comes from the cache when it was seen before.
 * @param request  nullable; its operation_name and variables are taken from the body instead.
 * @param arena    of this request; everything but @p out lives in it.
 * @param out      the response is appended; unchanged on failure.
 * @return ECOM_OK, also when the response holds errors; ECOM_E_NOMEM (or the arena is full).
 * Threads: any; blocks as long as the resolvers do.   Since: 0.1
 */
ECOM_API ECOM_MUST_USE int ecom_graphql_handle(ecom_graphql *graphql, ecom_str body,
                                               const ecom_graphql_request *request,
                                               ecom_arena *arena, ecom_buf *out,
                                               ecom_graphql_outcome *outcome, ecom_error *err);

/** A request as an HTTP server read it. A header that is not there has p NULL. */
typedef struct ecom_graphql_http {
    uint32_t size;
    ecom_str method;       /**< "GET", "HEAD" or "POST" */
    ecom_str query;        /**< of the target, as it came, without the `?` */
    ecom_str content_type; /**< header */
    ecom_str accept;       /**< header */
    ecom_str body;
    uint32_t max_batch;    /**< requests in one body, as a JSON array; 0: arrays are refused */
    int32_t unprocessable; /**< 1: 422 instead of 400 for documents that are well-formed but not
                                valid, as newer drafts have it */
    int32_t parts;         /**< 1: the server can send a body in parts, see answer.rest */
} ecom_graphql_http;

/** What is still to come of a response. For one thread at a time. */
typedef struct ecom_graphql_rest ecom_graphql_rest;

/** What to answer beside the body. */
typedef struct ecom_graphql_http_answer {
    uint32_t size;
    int32_t status;
    const char *content_type; /**< static */
    const char *allow;        /**< for the header Allow; NULL: none. Static */
    /** NULL: the body is whole. Else it goes on: what ecom_graphql_rest_next() appends is to be put
     *  behind it by ecom_graphql_multipart_write(), and sent as it comes; see ecom_graphql_begin().
     *  Only if http.parts is set, and the client accepts multipart/mixed. */
    ecom_graphql_rest *rest;
} ecom_graphql_http_answer;

/**
 * GraphQL over HTTP: negotiates the type of the answer, refuses what is no request (and bodies that
 * a page of another origin could send unasked, so that cookies are no danger), takes GET and POST
 * apart, handles the request, and says which status the outcome has.
 * @param request  nullable; as for ecom_graphql_handle(). A GET runs queries only.
 * @param out      the response's body is appended; unchanged on failure.
 * @return ECOM_OK, also when the answer is an error; ECOM_E_NOMEM (or the arena is full).
 * Threads: any; blocks as long as the resolvers do.   Since: 0.1
 */
ECOM_API ECOM_MUST_USE int ecom_graphql_handle_http(
    ecom_graphql *graphql, const ecom_graphql_http *http, const ecom_graphql_request *request,
    ecom_arena *arena, ecom_buf *out, ecom_graphql_http_answer *answer, ecom_error *err);

/**
 * Parses and checks a document, or finds it in the cache.
 * @param out       the document, to be given back with ecom_graphql_document_unref().
 * @param response  when it is refused: `{"errors":[...]}` is appended.
 * @return ECOM_OK; ECOM_E_INVAL, ECOM_E_TOOLARGE (a limit), ECOM_E_NOMEM.
 */
ECOM_API ECOM_MUST_USE int ecom_graphql_prepare(ecom_graphql *graphql, ecom_str text,
                                                ecom_graphql_document **out, ecom_buf *response,
                                                ecom_error *err);
/** One more reference to the same document, which it returns. Threads: any, as of all with one. */
ECOM_API ecom_graphql_document *ecom_graphql_document_ref(ecom_graphql_document *document);
/** NULL is fine. */
ECOM_API void ecom_graphql_document_unref(ecom_graphql_document *document);
/** Appends the document in the reference's layout. */
ECOM_API ECOM_MUST_USE int ecom_graphql_document_print(const ecom_graphql_document *document,
                                                       ecom_buf *out);

/** Runs a prepared document. As ecom_graphql_handle() otherwise. */
ECOM_API ECOM_MUST_USE int ecom_graphql_execute(ecom_graphql *graphql,
                                                const ecom_graphql_document *document,
                                                const ecom_graphql_request *request,
                                                ecom_arena *arena, ecom_buf *out,
                                                ecom_graphql_outcome *outcome, ecom_error *err);

/**
 * As ecom_graphql_execute(), for a caller that can send more than one result: fragments with
 * `@defer` and what `@stream` leaves of lists come in parts of their own, if options.incremental is
 * set. Without this call, all comes at once.
 * @param rest   out: NULL: @p out has the whole response. Else the first part, with `hasNext`;
 * lives in @p arena, and is to be freed before it. What @p request points to, but operation_name,
 * must live as long.
 * @return as ecom_graphql_execute().
 * Since: 0.1
 */
ECOM_API ECOM_MUST_USE int ecom_graphql_begin(ecom_graphql *graphql,
                                              ecom_graphql_document *document,
                                              const ecom_graphql_request *request,
                                              ecom_arena *arena, ecom_buf *out,
                                              ecom_graphql_rest **rest,
                                              ecom_graphql_outcome *outcome, ecom_error *err);
/**
 * Runs on, level by level, until something is complete, and appends it as the next part. Blocks as
 * long as the resolvers do, up to the request's deadline_us: what would start later has failed.
 * @return ECOM_OK; ECOM_E_CLOSED: there is no more; ECOM_E_NOMEM (or the arena is full): it is
 * over.
 */
ECOM_API ECOM_MUST_USE int ecom_graphql_rest_next(ecom_graphql_rest *rest, ecom_buf *out,
                                                  ecom_error *err);
/** Truth: the part before was the last. */
ECOM_API int ecom_graphql_rest_is_over(const ecom_graphql_rest *rest);
/** At any time; NULL is fine. */
ECOM_API void ecom_graphql_rest_free(ecom_graphql_rest *rest);
/** Appends a part to a body whose type is `multipart/mixed; boundary="-"`, or, without one (p
 * NULL), the body's end. @return ECOM_OK, ECOM_E_NOMEM. */
ECOM_API ECOM_MUST_USE int ecom_graphql_multipart_write(ecom_buf *out, ecom_str part);

#ifdef __cplusplus
}
#endif
#endif
