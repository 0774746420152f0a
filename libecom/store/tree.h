/* An ordered set of what the caller keeps: a treap of nodes that lie in the caller's structs. The
 * tree owns nothing and allocates nothing, so nothing here can fail. */
#ifndef ECOM_STORE_TREE_H
#define ECOM_STORE_TREE_H

#include <stdint.h>

typedef struct ecom__node {
    struct ecom__node *left, *right;
    uint32_t priority;
} ecom__node;

typedef struct ecom__tree {
    ecom__node *root;
    int (*compare)(const ecom__node *a, const ecom__node *b);
    uint32_t seed; /* of the priorities: not 0 */
} ecom__tree;

/* @p node must not be in the tree, nor one equal to it. */
void ecom__tree_insert(ecom__tree *tree, ecom__node *node);
void ecom__tree_remove(ecom__tree *tree, ecom__node *node);
/* The node equal to @p key, or NULL. */
ecom__node *ecom__tree_find(const ecom__tree *tree, const ecom__node *key);
/* The node next to @p key, which need not be in the tree itself: the first above it, or, when
 * @p below, the last below it. NULL: there is none. */
ecom__node *ecom__tree_next(const ecom__tree *tree, const ecom__node *key, int below);

#endif
