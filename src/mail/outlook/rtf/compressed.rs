//! Compressed RTF (\[MS-OXRTFCP\]): LZ77 over a window of 4 KiB that is filled with the usual words of RTF beforehand.

/// The words in the window at the beginning (\[MS-OXRTFCP\] 2.1.2.1).
const KNOWN_WORDS: &[u8; 207] = b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";
const WINDOW: usize = 4096;
const COMPRESSED: &[u8] = b"LZFu";
const UNCOMPRESSED: &[u8] = b"MELA";

/// Why compressed RTF cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mail::outlook) enum Fault {
    /// It is none.
    NoRtf,
    /// Its checksum is wrong.
    Checksum,
}

/// Unpacks compressed RTF. What comes out is at most nine times as long as what came in: two bytes stand for seventeen.
pub(in crate::mail::outlook) fn unpack(bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    let (header, contents) = bytes.split_first_chunk::<16>().ok_or(Fault::NoRtf)?;
    let [s0, s1, s2, s3, r0, r1, r2, r3, kind @ .., c0, c1, c2, c3] = *header;
    // The size of what follows the first field; writers that lie about it mean all that there is.
    let size = usize::try_from(u32::from_le_bytes([s0, s1, s2, s3])).unwrap_or(usize::MAX).saturating_sub(12);
    let contents = contents.get(..size).unwrap_or(contents);
    let raw_size = usize::try_from(u32::from_le_bytes([r0, r1, r2, r3])).unwrap_or(usize::MAX);
    if kind == *UNCOMPRESSED {
        return Ok(contents.get(..raw_size).unwrap_or(contents).to_vec());
    }
    if kind != *COMPRESSED {
        return Err(Fault::NoRtf);
    }
    if crc(contents) != u32::from_le_bytes([c0, c1, c2, c3]) {
        return Err(Fault::Checksum);
    }
    Ok(inflate(contents))
}

fn inflate(contents: &[u8]) -> Vec<u8> {
    let mut window = [0_u8; WINDOW];
    window.iter_mut().zip(KNOWN_WORDS).for_each(|(place, byte)| *place = *byte);
    let mut at = KNOWN_WORDS.len();
    let mut out = Vec::with_capacity(contents.len().saturating_mul(3));
    let mut put = |window: &mut [u8; WINDOW], at: &mut usize, byte: u8| {
        if let Some(place) = window.get_mut(*at) {
            *place = byte;
        }
        *at = (*at + 1) % WINDOW;
        out.push(byte);
    };
    let mut bytes = contents.iter().copied();
    'runs: while let Some(control) = bytes.next() {
        for bit in 0..8 {
            let Some(byte) = bytes.next() else { break 'runs };
            if control >> bit & 1 == 0 {
                put(&mut window, &mut at, byte);
                continue;
            }
            let Some(low) = bytes.next() else { break 'runs };
            let offset = usize::from(byte) << 4 | usize::from(low >> 4);
            if offset == at {
                break 'runs;
            }
            for step in 0..usize::from(low & 0x0F) + 2 {
                let byte = window.get((offset + step) % WINDOW).copied().unwrap_or_default();
                put(&mut window, &mut at, byte);
            }
        }
    }
    out
}

/// The CRC of \[MS-OXRTFCP\] 2.1.3.2: that of zip, begun at 0 and not inverted at the end.
fn crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |crc, byte| {
        let low = (crc ^ u32::from(*byte)) & 0xFF;
        crc >> 8 ^ (0..8).fold(low, |value, _| if value & 1 == 1 { 0xEDB8_8320 ^ value >> 1 } else { value >> 1 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// \[MS-OXRTFCP\] 4.1.1.
    const SIMPLE: &[u8] = b"\x2d\x00\x00\x00\x2b\x00\x00\x00LZFu\xf1\xc5\xc7\xa7\x03\x00\x0a\x00rcpg125B2\x0a\xf3 hel\x09\x00\x20bw\x05\xb0ld}\x0a\x80\x0f\xa0";

    #[test]
    fn what_was_compressed_is_unpacked() {
        assert_eq!(unpack(SIMPLE).unwrap(), b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n");
        assert_eq!(unpack(b"\x10\x00\x00\x00\x04\x00\x00\x00MELA\0\0\0\0{}\r\n").unwrap(), b"{}\r\n");
    }

    #[test]
    fn what_was_damaged_is_refused() {
        let mut damaged = SIMPLE.to_vec();
        damaged[20] ^= 1;
        assert_eq!(unpack(&damaged), Err(Fault::Checksum));
        assert_eq!(unpack(b"LZFu"), Err(Fault::NoRtf));
        assert_eq!(unpack(&[0; 40]), Err(Fault::NoRtf));
    }

    #[test]
    fn the_longest_run_is_bounded_by_what_came_in() {
        let contents: Vec<u8> = [0xFF].into_iter().chain([0x00, 0x0F].repeat(8)).collect::<Vec<_>>().repeat(10_000);
        assert!(inflate(&contents).len() <= contents.len() * 9);
    }
}
