import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  randomBytes,
  sign,
  X509Certificate,
  type KeyObject,
} from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import forge from 'node-forge';

/** A certificate and the private key that belongs to it, both as PEM. */
export interface CertifiedKey {
  readonly certPem: string;
  readonly keyPem: string;
}

/** What a server shows, and the CA that its clients have to trust. */
export interface ServerCertificate extends CertifiedKey {
  readonly caPem: string;
}

/** The names that every certificate of the simulator carries. */
export const LOCAL_NAMES: readonly string[] = ['localhost', '127.0.0.1', '::1', 'host.docker.internal'];

const DAY_MS = 24 * 3600 * 1000;
const CA_DAYS = 3650;
/** The longest that clients on Apple's systems accept is 398. */
const SERVER_DAYS = 397;
const RENEW_DAYS = 30;
/** ecdsa-with-SHA256, RFC 5758 section 3.2. */
const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2';

/** A new certificate authority (EC P-256), good for ten years and for server certificates only directly below it. */
export function makeAuthority(): CertifiedKey {
  const key = newKey();
  const subject = [
    { name: 'organizationName', value: 'ClawCage' },
    { name: 'commonName', value: `ClawCage local CA ${randomBytes(4).toString('hex')}` },
  ];
  const extensions = [
    { name: 'basicConstraints', cA: true, pathLenConstraint: 0, critical: true },
    { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    subjectKeyIdentifier(key.publicKey),
  ];
  const certPem = certify({
    subject,
    issuer: subject,
    days: CA_DAYS,
    extensions,
    of: key.publicKey,
    by: key.privateKey,
  });
  return { certPem, keyPem: pem(key.privateKey) };
}

/** A server certificate for the names (DNS names and IP addresses), signed by the authority. */
export function issueServerCertificate(authority: CertifiedKey, names: readonly string[]): ServerCertificate {
  const key = newKey();
  const ca = new X509Certificate(authority.certPem);
  const altNames = names.map((name) => (isIP(name) ? { type: 7, ip: name } : { type: 2, value: name }));
  const certPem = certify({
    subject: [{ name: 'commonName', value: names[0] ?? 'localhost' }],
    issuer: subjectOf(ca),
    days: SERVER_DAYS,
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames },
      subjectKeyIdentifier(key.publicKey),
      { name: 'authorityKeyIdentifier', keyIdentifier: identifierOf(ca.publicKey) },
    ],
    of: key.publicKey,
    by: createPrivateKey(authority.keyPem),
  });
  return { certPem, keyPem: pem(key.privateKey), caPem: authority.certPem };
}

/**
 * The server certificate kept in a folder (`ca.pem`, `server.pem`; keys beside them with mode 0600). The authority is made once and
 * kept, so that who trusts `ca.pem` goes on doing so; the server's is made again when a name is missing or its end is near.
 */
export function certificateIn(folder: string, extraNames: readonly string[] = []): ServerCertificate {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const authority = stored(folder, 'ca', usable) ?? store(folder, 'ca', makeAuthority());
  const names = [...new Set([...LOCAL_NAMES, ...extraNames])];
  const ca = new X509Certificate(authority.certPem);
  const fits = (cert: X509Certificate) =>
    usable(cert) && cert.verify(ca.publicKey) && names.every((name) => covers(cert, name));
  const server =
    stored(folder, 'server', fits) ?? store(folder, 'server', issueServerCertificate(authority, names));
  return { certPem: server.certPem, keyPem: server.keyPem, caPem: authority.certPem };
}

function covers(cert: X509Certificate, name: string): boolean {
  return (isIP(name) ? cert.checkIP(name) : cert.checkHost(name)) !== undefined;
}

function usable(cert: X509Certificate): boolean {
  return cert.validToDate.getTime() > Date.now() + RENEW_DAYS * DAY_MS;
}

function stored(
  folder: string,
  name: string,
  accept: (cert: X509Certificate) => boolean,
): CertifiedKey | undefined {
  const [certFile, keyFile] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
  if (!existsSync(certFile) || !existsSync(keyFile)) return undefined;
  const [certPem, keyPem] = [readFileSync(certFile, 'utf8'), readFileSync(keyFile, 'utf8')];
  const cert = new X509Certificate(certPem);
  return accept(cert) && cert.checkPrivateKey(createPrivateKey(keyPem)) ? { certPem, keyPem } : undefined;
}

function store(folder: string, name: string, made: CertifiedKey): CertifiedKey {
  for (const [ending, text] of [['key', made.keyPem] as const, ['pem', made.certPem] as const]) {
    const file = join(folder, `${name}.${ending}`);
    writeFileSync(`${file}.new`, text, { mode: ending === 'key' ? 0o600 : 0o644 });
    renameSync(`${file}.new`, file);
  }
  return made;
}

interface Order {
  readonly subject: forge.pki.CertificateField[];
  readonly issuer: forge.pki.CertificateField[];
  readonly days: number;
  readonly extensions: object[];
  readonly of: KeyObject;
  readonly by: KeyObject;
}

/**
 * node-forge writes the certificate, but knows RSA only; EC keys are a hundred times quicker to make. So the two places of
 * RFC 5280 section 4.1 that name the algorithm and the public key are filled in here, and node:crypto signs.
 */
function certify(order: Order): string {
  const { asn1, pki, util } = forge;
  const cert = pki.createCertificate();
  cert.serialNumber = newSerial();
  cert.validity.notBefore = new Date(Date.now() - DAY_MS);
  cert.validity.notAfter = new Date(Date.now() + order.days * DAY_MS);
  cert.setSubject(order.subject);
  cert.setIssuer(order.issuer);
  cert.setExtensions(order.extensions);
  cert.publicKey = placeholderKey();
  cert.siginfo.algorithmOid = cert.signatureOid = ECDSA_WITH_SHA256;
  cert.signature = '';

  const algorithm = asn1.create(asn1.Class.UNIVERSAL, asn1.Type.SEQUENCE, true, [
    asn1.create(asn1.Class.UNIVERSAL, asn1.Type.OID, false, asn1.oidToDer(ECDSA_WITH_SHA256).getBytes()),
  ]);
  const [body] = pki.certificateToAsn1(cert).value as [forge.asn1.Asn1];
  const fields = body.value as forge.asn1.Asn1[];
  const spki = order.of.export({ type: 'spki', format: 'der' });
  fields[2] = algorithm;
  fields[6] = asn1.fromDer(util.createBuffer(spki.toString('binary')));

  const signature = sign('sha256', Buffer.from(asn1.toDer(body).getBytes(), 'binary'), order.by);
  const whole = asn1.create(asn1.Class.UNIVERSAL, asn1.Type.SEQUENCE, true, [
    body,
    algorithm,
    asn1.create(asn1.Class.UNIVERSAL, asn1.Type.BITSTRING, false, `\0${signature.toString('binary')}`),
  ]);
  return new X509Certificate(Buffer.from(asn1.toDer(whole).getBytes(), 'binary')).toString();
}

/** Sixteen bytes, of which the first is from 0x40 to 0x7f: positive, and no zero in front that DER forbids. */
function newSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x3f) | 0x40;
  return bytes.toString('hex');
}

function placeholderKey(): forge.pki.PublicKey {
  return forge.pki.setRsaPublicKey(new forge.jsbn.BigInteger('3'), new forge.jsbn.BigInteger('3'));
}

/** RFC 5280 section 4.2.1.2: SHA-1 of the public key's bits, which for P-256 are the last 65 bytes of its SPKI. */
function identifierOf(key: KeyObject): string {
  const point = key.export({ type: 'spki', format: 'der' }).subarray(-65);
  return createHash('sha1').update(point).digest('binary');
}

/** Given as a value, since forge would take it from the placeholder. */
function subjectKeyIdentifier(key: KeyObject): object {
  const { asn1 } = forge;
  const value = asn1.create(asn1.Class.UNIVERSAL, asn1.Type.OCTETSTRING, false, identifierOf(key));
  return { id: '2.5.29.14', value: asn1.toDer(value).getBytes() };
}

function subjectOf(cert: X509Certificate): forge.pki.CertificateField[] {
  return cert.subject.split('\n').map((line) => {
    const equals = line.indexOf('=');
    return { shortName: line.slice(0, equals), value: line.slice(equals + 1) };
  });
}

function newKey(): { publicKey: KeyObject; privateKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

function pem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
