//! How large a picture is, by the first bytes of its file: enough to tell content from the furniture of a mail.

/// Pixels from side to side and from top to bottom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) width: u32,
    pub(super) height: u32,
}

/// The size of a picture in PNG, GIF, JPEG or BMP; `None` for anything else, and for what is cut off before it says.
pub(super) fn size(bytes: &[u8]) -> Option<Size> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => big_pair(bytes.get(16..24)?),
        [b'G', b'I', b'F', b'8', _, _, w0, w1, h0, h1, ..] => {
            Some(Size { width: u16::from_le_bytes([*w0, *w1]).into(), height: u16::from_le_bytes([*h0, *h1]).into() })
        }
        [b'B', b'M', ..] => {
            let (width, height) = bytes.get(18..26)?.split_first_chunk::<4>()?;
            let height = i32::from_le_bytes(height.try_into().ok()?).unsigned_abs();
            Some(Size { width: u32::from_le_bytes(*width), height })
        }
        [0xFF, 0xD8, rest @ ..] => jpeg(rest),
        _ => None,
    }
}

fn big_pair(bytes: &[u8]) -> Option<Size> {
    let (width, height) = bytes.split_first_chunk::<4>()?;
    Some(Size { width: u32::from_be_bytes(*width), height: u32::from_be_bytes(height.try_into().ok()?) })
}

/// The segments of a JPEG (ITU T.81 B.1.1) up to the one that begins the frame.
fn jpeg(mut rest: &[u8]) -> Option<Size> {
    while let [0xFF, marker, l0, l1, tail @ ..] = rest {
        // SOF0 to SOF15, without the tables among them (DHT, JPG, DAC).
        if matches!(marker, 0xC0..=0xCF) && !matches!(marker, 0xC4 | 0xC8 | 0xCC) {
            let [_, h0, h1, w0, w1, ..] = tail else { return None };
            return Some(Size { width: u16::from_be_bytes([*w0, *w1]).into(), height: u16::from_be_bytes([*h0, *h1]).into() });
        }
        let length = usize::from(u16::from_be_bytes([*l0, *l1])).max(2);
        rest = tail.get(length - 2..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_say_how_large_they_are() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x02\0\0\0\x03";
        let jpeg = b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x11\x08\0\x03\0\x02\x03";
        let bmp = b"BM\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02\0\0\0\xfd\xff\xff\xff";
        for picture in [png.as_slice(), b"GIF89a\x02\0\x03\0", jpeg, bmp] {
            assert_eq!(size(picture), Some(Size { width: 2, height: 3 }), "{picture:?}");
            assert_eq!(size(&picture[..7]), None);
        }
        assert_eq!(size(b"<svg/>"), None);
        assert_eq!(size(&[0xFF; 100]), None);
    }
}
