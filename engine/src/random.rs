//! Numbers that look random and are always the same: what is shuffled here is shuffled alike on every machine.

/// A stream of numbers: SplitMix64 (Steele, Lea and Flood 2014).
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// The stream with this number.
    pub(crate) fn stream(number: u64) -> Self {
        Self(0x6f70_6162_696e_6961 ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The numbers below `n` in a random order (Fisher and Yates).
    pub(crate) fn order(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        for last in (1..n).rev() {
            order.swap(last, (self.next() % (last as u64 + 1)) as usize);
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_orders_are_orders_and_always_the_same() {
        let order = |n, of| Random::stream(of).order(n);
        let mut sorted = order(30, 4);
        assert_eq!(sorted, order(30, 4));
        assert_ne!(sorted, order(30, 5));
        sorted.sort_unstable();
        assert_eq!(sorted, (0..30).collect::<Vec<_>>());
        assert_eq!(order(0, 1), Vec::<usize>::new());
        // Over many of them every number comes first about equally often.
        let firsts = (0..6000).filter(|of| order(6, *of)[0] == 2).count();
        assert!((850..1150).contains(&firsts), "{firsts} of 6000");
    }
}
