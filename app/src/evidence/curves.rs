//! Deletion and insertion as people read them: a row for each order, between random orders and the greedy one.

use super::Findings;
use crate::figure::sheet::{Line, Plot};
use opabinia_engine::probe::evidence::{
    CellOrder, Curve, CurvesOf, Faithfulness, GradientOf, Way, normalised, random_area, unit_for,
};
use opabinia_engine::sva::{Frame, PictureSize};

/// How faithful one order of cells is, in both directions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurveRow {
    /// The order.
    pub order: CellOrder,
    /// Deletion, insertion: the area, and that between random (0) and greedy (1) orders.
    pub areas: [Option<(f64, Option<f64>)>; 2],
}

/// Random orders: mean of their areas, its standard deviation, how many.
pub type Band = Option<(f64, f64, usize)>;

/// What is taken away in curves about `of` in a picture of size `picture`, on a query grid of `side`.
pub fn curves_of(target: Option<usize>, of: GradientOf, side: usize, picture: PictureSize) -> CurvesOf {
    CurvesOf { target, of, unit: unit_for(&Frame::new(side, picture)) }
}

impl Findings {
    /// The curves of one kind that are known.
    pub fn curves(&self, of: CurvesOf) -> impl Iterator<Item = &Curve> {
        self.evidence().curves.iter().filter(move |curve| curve.of == of)
    }

    /// Of `wanted`, the orders that are not known both ways.
    pub fn missing_curves(&self, wanted: &Faithfulness) -> Vec<CellOrder> {
        let known = |order: &CellOrder| self.curves(wanted.of).filter(|curve| curve.order == *order).count() == 2;
        wanted.orders.iter().copied().filter(|order| !known(order)).collect()
    }

    /// A row for each order but the random ones.
    pub fn curve_rows(&self, of: CurvesOf) -> Vec<CurveRow> {
        let all = &self.evidence().curves;
        let orders = CellOrder::METHODS.into_iter().chain([CellOrder::Greedy]);
        let row = |order: CellOrder| {
            let areas = Way::ALL.map(|way| {
                let curve = self.curves(of).find(|curve| curve.order == order && curve.way == way)?;
                Some((curve.area(), normalised(all, curve)))
            });
            CurveRow { order, areas }
        };
        orders.map(row).filter(|row| row.areas.iter().any(Option::is_some)).collect()
    }

    /// The random orders of one kind, deletion and insertion.
    pub fn random_curves(&self, of: CurvesOf) -> [Band; 2] {
        Way::ALL.map(|way| random_area(&self.evidence().curves, of, way))
    }

    /// The curves of one direction as a plot of Δ log p over the part of the picture's cells, with the range of random orders
    /// as a band.
    pub fn curve_plot(&self, of: CurvesOf, way: Way) -> Plot {
        let points = |curve: &Curve| {
            let (all, base) = (curve.cells.last().copied().unwrap_or_default().max(1) as f64, curve.base());
            curve.cells.iter().zip(&curve.log_p).map(|(cells, log_p)| (*cells as f64 / all, log_p - base)).collect()
        };
        let mut band: Vec<(f64, f64, f64)> = Vec::new();
        for curve in self.curves(of).filter(|curve| curve.way == way && curve.order.is_random()) {
            let points: Vec<(f64, f64)> = points(curve);
            if band.is_empty() {
                band = points.iter().map(|(x, y)| (*x, *y, *y)).collect();
            }
            // Units at the edge may be smaller, so that the places of points differ a little between orders.
            for ((_, low, high), (_, y)) in band.iter_mut().zip(&points) {
                (*low, *high) = (low.min(*y), high.max(*y));
            }
        }
        let shown = self.curves(of).filter(|curve| curve.way == way && !curve.order.is_random());
        let mut lines: Vec<Line> = shown
            .map(|curve| Line { name: curve.order.to_string(), colour: colour(curve.order), points: points(curve) })
            .collect();
        lines.sort_by(|a, b| a.name.cmp(&b.name));
        Plot { lines, band, across: "part of the picture's cells".to_owned(), up: "Δ log p".to_owned() }
    }
}

/// A token's place; `None` for the whole answer.
pub(super) fn place_of(of: GradientOf) -> Option<usize> {
    match of {
        GradientOf::Answer => None,
        GradientOf::Token(t) => Some(t),
    }
}

/// The colour of an order, in figures and on the screen: Okabe and Ito's, which can be told apart without red and green.
pub fn colour(order: CellOrder) -> [u8; 3] {
    match order {
        CellOrder::Share => [86, 180, 233],
        CellOrder::Lift => [0, 114, 178],
        CellOrder::Norm => [0, 158, 115],
        CellOrder::Gradient => [230, 159, 0],
        CellOrder::Effect => [213, 94, 0],
        CellOrder::Greedy => [204, 121, 167],
        CellOrder::Random(_) => [140, 140, 140],
    }
}
