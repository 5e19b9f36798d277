"""Tells the time, its version and its node. SIGTERM: finishes the requests in flight, then ends."""
import json, os, signal, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VERSION = open(os.path.join(os.path.dirname(__file__), 'VERSION')).read().strip()


class Clock(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_GET(self):
        told = {'version': VERSION, 'node': os.environ.get('NODE'), 'slot': os.environ.get('SLOT'), 'time': time.time()}
        body = json.dumps(told).encode()
        self.send_response(200 if self.path in ('/', '/health') else 404)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(body)))
        self.send_header('App-Version', VERSION)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = False


def serve():
    address = (os.environ.get('LISTEN_ADDRESS', '127.0.0.1'), int(os.environ['PORT']))
    server = Server(address, Clock)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f'clock {VERSION} listens on {address[0]}:{address[1]}', flush=True)
    server.serve_forever(poll_interval=0.1)
    server.server_close()


if __name__ == '__main__':
    {'serve': serve, 'migrate': lambda: print('The clock has nothing to migrate.')}[sys.argv[1]]()
