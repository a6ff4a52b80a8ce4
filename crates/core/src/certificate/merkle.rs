//! The Merkle tree of a certificate: that of RFC 9162, section 2.1.1 (<https://www.rfc-editor.org/rfc/rfc9162>, as of 2026-11-30),
//! which is also that of RFC 6962, with SHA-256.
//!
//! A leaf is hashed with a zero byte before it, an inner node with a one byte before its two children: no leaf can pass for an
//! inner node. A list of n leaves is divided at the largest power of two below n.

use sha2::{Digest, Sha256};

use super::Hash;

/// A tree that takes its leaves in order. It holds one hash for each bit of their number.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// Whole subtrees, the largest first: how often each was doubled, and its root.
    whole: Vec<(u32, Hash)>,
}

impl Tree {
    /// Adds a leaf.
    pub fn push(&mut self, leaf: &[u8]) {
        let mut hash = hashed(&[&[0], leaf]);
        let mut doubled = 0;
        while let Some((_, left)) = self.whole.pop_if(|(other, _)| *other == doubled) {
            hash = node(left, hash);
            doubled += 1;
        }
        self.whole.push((doubled, hash));
    }

    /// The root. That of no leaves is the hash of nothing.
    pub fn root(mut self) -> Hash {
        let Some((_, mut root)) = self.whole.pop() else { return hashed(&[]) };
        while let Some((_, left)) = self.whole.pop() {
            root = node(left, root);
        }
        root
    }
}

fn node(left: Hash, right: Hash) -> Hash {
    hashed(&[&[1], &left.0, &right.0])
}

fn hashed(parts: &[&[u8]]) -> Hash {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part));
    Hash(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition of the RFC, word for word.
    fn slow(leaves: &[Vec<u8>]) -> Hash {
        match leaves {
            [] => hashed(&[]),
            [leaf] => hashed(&[&[0], leaf]),
            _ => {
                let k = leaves.len().next_power_of_two() / 2;
                node(slow(&leaves[..k]), slow(&leaves[k..]))
            }
        }
    }

    #[test]
    fn the_roots_are_those_of_the_rfc() {
        // The leaves and roots with which implementations of certificate transparency test themselves.
        let leaves: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        for (count, expected) in [
            (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
            (2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
            (3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
            (5, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"),
            (8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
        ] {
            let mut tree = Tree::default();
            leaves[..count].iter().for_each(|leaf| tree.push(leaf));
            assert_eq!(tree.root().to_string(), expected, "{count} leaves");
        }
    }

    #[test]
    fn every_number_of_leaves_gives_the_root_of_the_definition() {
        let leaves: Vec<Vec<u8>> = (0..70_u8).map(|n| vec![n; usize::from(n)]).collect();
        for count in 0..=leaves.len() {
            let mut tree = Tree::default();
            leaves[..count].iter().for_each(|leaf| tree.push(leaf));
            assert_eq!(tree.root(), slow(&leaves[..count]), "{count} leaves");
        }
    }
}
