"""Writes a file as a C array with a NUL behind it: embed.py IN OUT NAME."""
import sys

source, target, name = sys.argv[1:]
with open(source, 'rb') as file:
    data = file.read() + b'\0'
with open(target, 'w') as out:
    out.write(f'static const unsigned char {name}[] = {{\n')
    for i in range(0, len(data), 20):
        out.write('    ' + ','.join(str(b) for b in data[i:i + 20]) + ',\n')
    out.write('};\n')
