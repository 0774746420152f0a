"""The store's cases on a second opinion: mongo-java-server, which shares no code with the first and
speaks the protocol of MongoDB 4.2, without sessions.

    java_test.py PROGRAM [CASE]
"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'e2e'))
from servers import Server  # noqa: E402

server = Server('mongodb', ECOM_MONGO_SERVER='java', ECOM_MONGO_TLS='0', ECOM_MONGO_AUTH='0')
sys.exit(subprocess.run(sys.argv[1:], env={
    **os.environ, 'ECOM_STORE_URL': server.lines['ECOM_MONGODB_URL']}).returncode)
