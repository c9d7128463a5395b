//! Which benchmarks say the same: agglomerative clustering with average linkage (UPGMA).

/// Two clusters become one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Merge {
    /// The cluster with the smaller number. Benchmarks are clusters 0 to n − 1; what merge `i` makes is cluster n + i.
    pub first: usize,
    /// The other.
    pub second: usize,
    /// The mean distance between the members of both.
    pub distance: f64,
    /// Members of what they become.
    pub size: usize,
}

/// The tree over symmetric `distances`: n − 1 merges, the nearest first.
pub fn tree(distances: &[Vec<f64>]) -> Vec<Merge> {
    let count = distances.len();
    let mut alive: Vec<(usize, usize)> = (0..count).map(|at| (at, 1)).collect();
    // The distance between clusters by their numbers; those that are made are added as they come.
    let mut between: Vec<Vec<f64>> = distances.to_vec();
    let mut merges = Vec::new();
    while alive.len() > 1 {
        let pairs = (0..alive.len()).flat_map(|i| (i + 1..alive.len()).map(move |j| (i, j)));
        let nearest = pairs.min_by(|a, b| {
            let of = |(i, j): (usize, usize)| between[alive[i].0][alive[j].0];
            of(*a).total_cmp(&of(*b))
        });
        let Some((i, j)) = nearest else { break };
        let ((a, of_a), (b, of_b)) = (alive[i], alive[j]);
        let size = of_a + of_b;
        merges.push(Merge { first: a.min(b), second: a.max(b), distance: between[a][b], size });
        let mean = |k: usize| (between[a][k] * of_a as f64 + between[b][k] * of_b as f64) / size as f64;
        let mut row: Vec<f64> = (0..between.len()).map(mean).collect();
        for (known, distance) in between.iter_mut().zip(&row) {
            known.push(*distance);
        }
        row.push(0.0);
        between.push(row);
        alive.remove(j);
        alive.remove(i);
        alive.push((between.len() - 1, size));
    }
    merges
}

/// The `count` leaves from left to right, so that no two branches of the tree cross.
pub fn leaves(merges: &[Merge], count: usize) -> Vec<usize> {
    let mut order = Vec::with_capacity(count);
    let mut next: Vec<usize> = match merges.len() {
        0 => (0..count).rev().collect(),
        made => vec![count + made - 1],
    };
    while let Some(cluster) = next.pop() {
        match cluster.checked_sub(count).and_then(|at| merges.get(at)) {
            Some(merge) => next.extend([merge.second, merge.first]),
            None => order.push(cluster),
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_come_together_first_and_branches_do_not_cross() {
        let at = [0.0, 10.0, 1.0, 12.0_f64];
        let distances: Vec<Vec<f64>> = at.iter().map(|a| at.iter().map(|b| (a - b).abs()).collect()).collect();
        let merges = tree(&distances);
        assert_eq!((merges[0].first, merges[0].second, merges[0].distance), (0, 2, 1.0));
        assert_eq!((merges[1].first, merges[1].second), (1, 3));
        assert_eq!((merges[2].first, merges[2].second, merges[2].size), (4, 5, 4));
        assert!((merges[2].distance - 10.5).abs() < 1e-12);
        assert_eq!(leaves(&merges, 4), [0, 2, 1, 3]);
        assert_eq!(leaves(&[], 1), [0]);
    }
}
