// SPDX-License-Identifier: Apache-2.0
// Loaded by `botorate run` before a Node program (NODE_OPTIONS=--require). The AWS SDKs for JavaScript make an https.Agent of
// their own, which no proxy variable reaches; this sends what every https.Agent opens through HTTPS_PROXY by CONNECT, except
// for hosts in NO_PROXY. The socket is returned at once, and an agent so keeps its own count, timeouts and error handling.
'use strict';

const http = require('http');
const https = require('https');
const { Duplex } = require('stream');

const direct = https.Agent.prototype.createConnection;

// Tunnel is the byte stream through the proxy. What is written before the proxy has answered waits.
class Tunnel extends Duplex {
  constructor(proxy, authority) {
    super({ allowHalfOpen: false });
    this.socket = null;
    this.waiting = null; // the write or the end that waits for the proxy's answer
    this.unreferenced = false;
    const headers = { Host: authority, Connection: 'keep-alive' };
    if (proxy.username) {
      const pair = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
      headers['Proxy-Authorization'] = `Basic ${Buffer.from(pair).toString('base64')}`;
    }
    this.request = http.request({
      host: proxy.hostname.replace(/^\[|\]$/g, ''),
      port: proxy.port || 80,
      method: 'CONNECT',
      path: authority,
      headers,
      agent: false,
    });
    this.request.once('error', (err) => this.destroy(err));
    this.request.once('response', (res) => this.refused(res.statusCode));
    this.request.once('connect', (res, socket, head) => {
      if (res.statusCode !== 200) {
        socket.destroy();
        this.refused(res.statusCode);
      } else if (this.destroyed) {
        socket.destroy();
      } else {
        this.begin(socket, head);
      }
    });
    this.request.end();
  }

  refused(status) {
    this.destroy(new Error(`the proxy refused the connection with HTTP ${status}`));
  }

  begin(socket, head) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('error', (err) => this.destroy(err));
    socket.on('data', (data) => {
      if (!this.push(data)) socket.pause();
    });
    socket.on('end', () => this.push(null));
    socket.on('close', () => this.destroy());
    if (head.length > 0) this.push(head);
    if (this.unreferenced) socket.unref();
    if (this.waiting) this.waiting();
    this.waiting = null;
  }

  _read() {
    if (this.socket) this.socket.resume();
  }

  _write(data, _encoding, done) {
    if (this.socket) this.socket.write(data, done);
    else this.waiting = () => this.socket.write(data, done);
  }

  _final(done) {
    if (this.socket) this.socket.end(done);
    else this.waiting = () => this.socket.end(done);
  }

  _destroy(err, done) {
    this.request.destroy();
    if (this.socket) this.socket.destroy();
    done(err);
  }

  // An agent does not let its idle sockets keep the program alive.
  keepAlive(yes) {
    this.unreferenced = !yes;
    if (this.socket) this.socket[yes ? 'ref' : 'unref']();
  }
}

// bypassed tells whether NO_PROXY names the host.
function bypassed(host, port) {
  const list = process.env.no_proxy || process.env.NO_PROXY || '';
  const name = host.toLowerCase().replace(/^\[|\]$/g, '');
  return list.toLowerCase().split(/[\s,]+/).some((entry) => {
    if (entry === '*') return true;
    let want = entry.replace(/^\*?\./, '');
    const withPort = /^(\[.*\]|[^:]*):(\d+)$/.exec(want);
    if (withPort) {
      if (Number(withPort[2]) !== Number(port)) return false;
      want = withPort[1];
    }
    want = want.replace(/^\[|\]$/g, '');
    return want !== '' && (name === want || name.endsWith(`.${want}`));
  });
}

function proxyFor(host, port) {
  const value = process.env.https_proxy || process.env.HTTPS_PROXY;
  if (!value || bypassed(host, port)) return null;
  try {
    const proxy = new URL(value);
    return proxy.protocol === 'http:' ? proxy : null;
  } catch (_) {
    return null;
  }
}

// optionsOf gives the options of createConnection's forms: (options), (port, options), (port, host, options).
function optionsOf(port, host, options) {
  if (port !== null && typeof port === 'object') return { ...port };
  if (host !== null && typeof host === 'object') return { ...host, port };
  return { ...(options !== null && typeof options === 'object' ? options : {}), port, host };
}

https.Agent.prototype.createConnection = function createConnection(...args) {
  const options = optionsOf(...args);
  const host = options.host || 'localhost';
  const port = options.port || 443;
  const ownWay = options.socket || options.socketPath || (this.options && this.options.proxyEnv);
  const proxy = ownWay ? null : proxyFor(host, port);
  if (!proxy) return direct.apply(this, args);

  const tunnel = new Tunnel(proxy, `${host.includes(':') ? `[${host}]` : host}:${port}`);
  const secure = direct.call(this, { ...options, host, port, socket: tunnel });
  if (options.timeout) secure.setTimeout(options.timeout); // tls.connect does so only for a socket of its own
  for (const name of ['ref', 'unref']) {
    const own = secure[name];
    secure[name] = function keepAlive() {
      tunnel.keepAlive(name === 'ref');
      return own.call(this);
    };
  }
  return secure;
};
