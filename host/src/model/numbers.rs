//! Row numbers as the outside sees them: a keyed permutation, so that a workspace's ids do not tell how much happens in others.
//!
//! Rows of all workspaces are numbered together, and their order is the store's own. The outside gets a number of the same form in
//! which neither order nor distance means anything; each workspace and kind of row has a permutation of its own.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Bits of each half: numbers stay below 2^52, which every JSON reader takes exactly.
const HALF: u32 = 26;
const MASK: u64 = (1 << HALF) - 1;
const ROUNDS: u8 = 8;

/// The permutations of one host. Cheap to clone.
#[derive(Clone)]
pub struct Numbers(Arc<Zeroizing<[u8; 32]>>);

impl Numbers {
    /// With this key, which stays the same as long as anybody may come back with a number.
    pub fn new(key: [u8; 32]) -> Numbers {
        Numbers(Arc::new(Zeroizing::new(key)))
    }

    /// The outside's number of a row. `kind` and `workspace` choose the permutation. Zero, before every row, stays zero.
    pub fn hide(&self, kind: &str, workspace: &str, number: i64) -> i64 {
        let Some(number) = within(number) else { return 0 };
        let key = self.key(kind, workspace);
        let hidden = forward(&key, number);
        // Zero is not a row's, so the row that would become zero takes what zero would become.
        (if hidden == 0 { forward(&key, 0) } else { hidden }) as i64
    }

    /// The row that has this number outside; none where no row can have it.
    pub fn reveal(&self, kind: &str, workspace: &str, number: i64) -> Option<i64> {
        if number == 0 {
            return Some(0);
        }
        let key = self.key(kind, workspace);
        let row = backward(&key, within(number)?);
        Some((if row == 0 { backward(&key, 0) } else { row }) as i64)
    }

    fn key(&self, kind: &str, workspace: &str) -> [u8; 32] {
        let hash = Sha256::new().chain_update(&self.0[..]).chain_update(kind).chain_update([0]);
        hash.chain_update(workspace).finalize().into()
    }
}

fn within(number: i64) -> Option<u64> {
    u64::try_from(number).ok().filter(|number| *number > 0 && *number < 1 << (2 * HALF))
}

fn mix(key: &[u8; 32], round: u8, half: u64) -> u64 {
    let digest = Sha256::new().chain_update(key).chain_update([round]).chain_update(half.to_le_bytes()).finalize();
    u64::from(u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]])) & MASK
}

fn forward(key: &[u8; 32], number: u64) -> u64 {
    let (mut left, mut right) = (number >> HALF, number & MASK);
    for round in 0..ROUNDS {
        (left, right) = (right, left ^ mix(key, round, right));
    }
    left << HALF | right
}

fn backward(key: &[u8; 32], number: u64) -> u64 {
    let (mut left, mut right) = (number >> HALF, number & MASK);
    for round in (0..ROUNDS).rev() {
        (left, right) = (right ^ mix(key, round, left), left);
    }
    left << HALF | right
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_number_comes_back(key: [u8; 32], number in 0i64..1 << 52) {
            let numbers = Numbers::new(key);
            let hidden = numbers.hide("feed", "ws_1", number);
            prop_assert!((0..1 << 52).contains(&hidden));
            prop_assert_eq!(hidden == 0, number == 0);
            prop_assert_eq!(numbers.reveal("feed", "ws_1", hidden), Some(number));
        }
    }

    #[test]
    fn neighbours_are_far_apart_and_each_workspace_has_its_own_numbers() {
        let numbers = Numbers::new([7; 32]);
        let of = |workspace: &str| (1..=200).map(|row| numbers.hide("feed", workspace, row)).collect::<Vec<_>>();
        let (first, second) = (of("ws_1"), of("ws_2"));
        assert!(first.iter().zip(&second).all(|(first, second)| first != second));
        assert!(first.windows(2).all(|pair| pair[0].abs_diff(pair[1]) > 1_000_000), "no distance tells of a count");
        let rising = first.windows(2).filter(|pair| pair[0] < pair[1]).count();
        assert!((60..140).contains(&rising), "nor does the order: {rising}");
    }

    #[test]
    fn what_no_row_can_have_is_nobodys() {
        let numbers = Numbers::new([7; 32]);
        assert_eq!(numbers.reveal("feed", "ws_1", -1), None);
        assert_eq!(numbers.reveal("feed", "ws_1", i64::MAX), None);
    }
}
