//! Ids of the form of Slack's, derived from what they name, so that every run gives the same.

use crate::mail::Digest;

/// Letters and digits as importers expect them (`[A-Z0-9]`).
const ALPHABET: [char; 36] = [
    'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y',
    'Z', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9',
];

/// How many letters follow the kind: as many as Slack's own have, 52 bits.
const LETTERS: u32 = 10;

/// The id of a thing: its kind (`U`, `C`, `F`, `T`) and ten letters of its digest.
pub(super) fn slack_id(kind: char, thing: &[u8]) -> String {
    let digest = Digest::of_fields(&[kind.to_string().as_bytes(), thing]);
    let number = digest.as_bytes().iter().take(16).fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    let letter = |place: u32| ALPHABET.get((number / 36_u128.pow(place) % 36) as usize).copied().unwrap_or('A');
    std::iter::once(kind).chain((0..LETTERS).map(letter)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_form_of_slacks_and_do_not_change() {
        assert_eq!(slack_id('U', b"ann@acme.example"), slack_id('U', b"ann@acme.example"));
        assert_ne!(slack_id('U', b"ann@acme.example"), slack_id('U', b"bob@acme.example"));
        let id = slack_id('F', b"x");
        assert!(id.len() == 11 && id.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()));
    }
}
