#include "store/tree.h"

#include <stddef.h>

/* xorshift32: keys have no say in the priorities, so none can make the tree deep. */
static uint32_t priority(ecom__tree *tree)
{
    tree->seed ^= tree->seed << 13;
    tree->seed ^= tree->seed >> 17;
    tree->seed ^= tree->seed << 5;
    return tree->seed;
}

void ecom__tree_insert(ecom__tree *tree, ecom__node *node)
{
    ecom__node **place = &tree->root, **left = &node->left, **right = &node->right;

    node->priority = priority(tree);
    while (*place && (*place)->priority >= node->priority)
        place = tree->compare(node, *place) < 0 ? &(*place)->left : &(*place)->right;

    ecom__node *rest = *place; /* goes below the node: what is less to its left, the others right */
    *place = node;
    while (rest) {
        if (tree->compare(rest, node) < 0) {
            *left = rest;
            left = &rest->right;
            rest = rest->right;
        } else {
            *right = rest;
            right = &rest->left;
            rest = rest->left;
        }
    }
    *left = *right = NULL;
}

void ecom__tree_remove(ecom__tree *tree, ecom__node *node)
{
    ecom__node **place = &tree->root, *left = node->left, *right = node->right;

    while (*place != node)
        place = tree->compare(node, *place) < 0 ? &(*place)->left : &(*place)->right;
    while (left && right) {
        if (left->priority > right->priority) {
            *place = left;
            place = &left->right;
            left = left->right;
        } else {
            *place = right;
            place = &right->left;
            right = right->left;
        }
    }
    *place = left ? left : right;
}

ecom__node *ecom__tree_find(const ecom__tree *tree, const ecom__node *key)
{
    ecom__node *node = tree->root;

    while (node) {
        int r = tree->compare(key, node);
        if (r == 0)
            break;
        node = r < 0 ? node->left : node->right;
    }
    return node;
}

ecom__node *ecom__tree_next(const ecom__tree *tree, const ecom__node *key, int below)
{
    ecom__node *node = tree->root, *best = NULL;

    while (node) {
        int r = tree->compare(key, node);
        if (below ? r > 0 : r < 0) {
            best = node;
            node = below ? node->right : node->left;
        } else {
            node = below ? node->left : node->right;
        }
    }
    return best;
}
