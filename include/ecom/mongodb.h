/** @file
 * The store on MongoDB: `libecom-mongodb`, loaded by ecom_store_open() for `mongodb://...` and
 * `mongodb+srv://...`, or linked and called by its opener.
 *
 * A collection is one of MongoDB's, a document is one of its documents, and each change is one
 * write of it, with the events that wait inside:
 *
 *     {_id: "0193...", rev: 1763812345678901, by: "0193...",
 *      doc: {id: "0193...", status: "PAID", amount: Decimal128("19.99"), createdAt: ISODate(...)},
 *      keys: ["status=PAID", "userId=0192..."], unique: ["mail=a@b"],
 *      waits: 112884..., outbox: [{n: 112884..., id: "...", topic: "orders", body: "{...}", ...}]}
 *
 * So `db.orders.find({"doc.status": "PAID"})` works in any tool. In `doc`, whole numbers are int or
 * long, other numbers are Decimal128 (money is exact), a string that reads 2026-11-22T18:25:43.511Z
 * to the letter is a date, all else is as in JSON. What does not come back from that to the byte
 * (spaces, 1e5) is also kept as it was in `text`, which counts as long as it says what `doc` says.
 * What MongoDB cannot have as fields (names that repeat, are empty, begin with $ or hold a dot,
 * depth above 90, more than 12 MiB as BSON) is in `text` alone.
 *
 * Who changes `doc` with other tools also does {$inc: {rev: 1}}: then no service overwrites it.
 * `keys` and `unique` follow with the next change by a service.
 *
 * A removed document stays as {_id, rev, gone: true} for 30 days after its last event went out, so
 * that no revision comes twice.
 */
#ifndef ECOM_MONGODB_H
#define ECOM_MONGODB_H

#include "backend.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Opens a store. Nothing is sent before the first call: a server that is away is its answer.
 * @param url  mongodb:// or mongodb+srv://, with the options that MongoDB's drivers know. Its path
 *             is the database; without one it is "ecom". Unless the URL says otherwise:
 *             socketTimeoutMS a quarter of timeout_ms, serverSelectionTimeoutMS and
 *             connectTimeoutMS a tenth and at most 2000, readConcernLevel majority. Writes are
 *             always acknowledged, by a majority unless it says w, and journaled. w=0 and a
 *             readPreference are refused.
 * @return ECOM_E_INVAL: the URL, or an option that cannot be kept; ECOM_E_NOMEM.
 * Threads: any.   Since: 0.1
 */
ECOM_API ECOM_MUST_USE int ecom_mongodb_open_store(const char *url, const ecom_store_options *opts,
                                                   ecom_store **out, ecom_error *err);

/** What ecom_store_open() asks for when it loads the library, by scheme. Static. */
ECOM_API const ecom_scheme *ecom_backend_mongodb(void);
/** As above, for `mongodb+srv:`. */
ECOM_API const ecom_scheme *ecom_backend_mongodb_srv(void);

#ifdef __cplusplus
}
#endif
#endif
