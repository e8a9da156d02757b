//! The version of what a provider keeps beside a state.
//!
//! Bytes of version 0 are as the provider gave them, so that a provider that
//! never asked for versions reads what it wrote, whichever framework it had.

/// What no text and no JSON starts with.
const MARK: [u8; 4] = [0xff, b't', b'f', b'p'];

/// The bytes with their version.
pub(crate) fn seal(version: u32, bytes: Vec<u8>) -> Vec<u8> {
    if version == 0 || bytes.is_empty() {
        return bytes;
    }
    [&MARK[..], &version.to_be_bytes(), &bytes].concat()
}

/// The version of the bytes, and the bytes. A mark with version 0 is none of ours and left alone.
pub(crate) fn open(sealed: &[u8]) -> (u32, &[u8]) {
    let marked = sealed.strip_prefix(&MARK).and_then(|rest| rest.split_first_chunk());
    let marked = marked.map(|(version, bytes)| (u32::from_be_bytes(*version), bytes));
    marked.filter(|(version, _)| *version != 0).unwrap_or((0, sealed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_travels_with_the_bytes() {
        for (version, bytes) in [(0, "{}"), (1, "{}"), (u32::MAX, "x")] {
            let sealed = seal(version, bytes.into());
            assert_eq!(open(&sealed), (version, bytes.as_bytes()));
        }
        assert_eq!(seal(3, Vec::new()), Vec::<u8>::new(), "nothing has no version");
        for unsealed in [&b"\xfftf"[..], b"\xfftfp\0\0\0\0x"] {
            assert_eq!(open(unsealed), (0, unsealed));
        }
    }
}
