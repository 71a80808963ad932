const TABLE = Uint16Array.from({length: 256}, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit += 1) {
    crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
  }
  return crc & 0xffff;
});

/** What the register holds before the first byte. */
export const CRC_START = 0xffff;

/** CRC-16/CCITT-FALSE: polynomial 0x1021, start FFFF, not reflected; '123456789' gives 29B1. */
export function crc16(bytes: Uint8Array): number {
  let crc = CRC_START;
  for (let index = 0; index < bytes.length; index += 1) crc = crcStep(crc, bytes[index] as number);
  return crc;
}

/** The register after one more byte. */
export function crcStep(crc: number, byte: number): number {
  return ((crc << 8) & 0xffff) ^ (TABLE[(crc >> 8) ^ byte] as number);
}

/** The registers after 1 and no, one, two … zero bytes: powers of x⁸. */
export function crcPowers(count: number): Uint16Array {
  const powers = new Uint16Array(count);
  powers[0] = 1;
  for (let index = 1; index < count; index += 1) powers[index] = crcStep(powers[index - 1] as number, 0);
  return powers;
}

/** The product of two registers as polynomials: with a power of x⁸ it moves the first over so many zero bytes. */
export function crcProduct(crc: number, power: number): number {
  let product = 0;
  for (let bit = 0x8000; bit > 0; bit >>= 1) {
    product = (product & 0x8000) === 0 ? product << 1 : ((product << 1) ^ 0x1021) & 0xffff;
    if ((power & bit) !== 0) product ^= crc;
  }
  return product;
}
