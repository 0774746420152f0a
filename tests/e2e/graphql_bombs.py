"""Documents and variables made to hurt a GraphQL server, for a test and a benchmark."""
import json


def bombs():
    """(name, body, the limit that its error names; None: it is answered)"""
    def query(text, variables=None):
        return json.dumps({'query': text, 'variables': variables or {}})

    def squared(n, leaf='id'):
        return ' '.join(f'fragment F{i} on User {{ ...F{i + 1} ...F{i + 1} }}' for i in range(n)) + \
            f' fragment F{n} on User {{ {leaf} }}'
    users = '{ me { ' + 'orders { nodes { user { ' * 40 + 'id' + ' } } }' * 40 + ' } }'
    return (
        ('depth', query('{ me { ' + 'orders { nodes { user { ' * 6 + 'id' + ' } } }' * 6 + ' } }'), 'max_depth'),
        ('nesting', query(users), 'max_nesting'),
        ('aliases', query('{ ' + ' '.join(f'a{i}: me {{ id }}' for i in range(3000)) + ' }'), 'max_tokens'),
        ('fewer aliases', query('{ ' + ' '.join(f'a{i}: __typename' for i in range(51)) + ' }'), 'max_aliases'),
        ('fragments squared', query('{ me { ...F0 } } ' + squared(40)), 'max_fields'),
        ('fragments in a row', query('{ me { ...F0 } } ' + ' '.join(f'fragment F{i} on User {{ ...F{i + 1} }}' for i in range(900)) +
                                     ' fragment F900 on User { id }'), 'max_nesting'),
        ('directives', query('{ me' + ' @skip(if: false)' * 10000 + ' { id } }'), 'max_bytes|max_tokens'),
        ('fewer directives', query('{ me' + ' @a' * 101 + ' { id } }'), 'max_directives'),
        ('braces', query('{' * 1000000), 'max_bytes'),
        ('fewer braces', query('{a' * 5000), 'max_nesting'),
        ('brackets', query('{ me(a: ' + '[' * 200000), 'max_nesting|max_tokens'),
        ('roots', query('{ ' + '__typename ' * 51 + '}'), 'max_roots'),
        ('cost', query('{ orders(first: 1000) { nodes { user { orders(first: 1000) { nodes { id } } } } } }'), 'max_cost'),
        ('variables, many', query('query($a: [Int]) { me { id } }', {'a': [1] * 330000}), '100000 values'),
        ('variables, deep', '{"query":"{ me { id } }","variables":{"a":' + '[' * 900000 + '}}', 'inside each other'),
        ('variables, long', query('query($a: String) { products(search: $a) { nodes { id } } }', {'a': 'x' * 1000000}),
         'max_variable_bytes'),
        ('variables, keys', query('{ me { id } }', {f'k{i}': i for i in range(60000)}), 'keys'),
        ('overlapping fields', query('{ me { ' + ' '.join('orders(first: 1) { nodes { user { ' + ' '.join(
            'orders(first: 1) { nodes { id } }' for _ in range(26)) + ' } } }' for _ in range(26)) + ' } }'), None),
        ('overlapping fragments', query('{ me { ...F0 } } ' + ' '.join(
            f'fragment F{i} on User {{ ...F{i + 1} orders {{ nodes {{ user {{ ...F{i + 1} }} }} }} }}' for i in range(14)) +
            ' fragment F14 on User { id }'), 'max_'),
        ('introspection', query('{ __schema { types { fields { type { fields { type { fields { type { fields { type { '
                                'fields { name } } } } } } } } } } } }'), 'introspection depth'),
    )
