//! The scans of a JPEG picture: which digits of which coefficients each one brings, block by block.

use super::BLOCK;
use super::arithmetic::Arithmetic;
use super::frame::Frame;
use super::huffman::{Bits, Table};
use super::source::Source;
use super::tables::Tables;
use crate::vision::fault::{Result, damaged};

const BROKEN: &str = "a scan header is damaged";
const NO_TABLE: &str = "a Huffman table is missing";
/// The most blocks of all components that may come together.
const MAX_GROUP: usize = 10;

/// A component's part in a scan.
pub(super) struct Member<'a> {
    /// Index in the frame.
    pub(super) component: usize,
    dc: Option<&'a Table>,
    ac: Option<&'a Table>,
    /// Which arithmetic statistics it uses, for means and for other coefficients.
    pub(super) statistics: [usize; 2],
    /// The last block's mean.
    pub(super) predicted: i32,
    /// What the last difference of means was like, in arithmetic coding.
    pub(super) context: usize,
}

impl<'a> Member<'a> {
    /// The code of means.
    pub(super) fn dc(&self) -> Result<&'a Table> {
        self.dc.filter(|table| table.for_means).ok_or_else(|| NO_TABLE.into())
    }

    /// The code of other coefficients.
    pub(super) fn ac(&self) -> Result<&'a Table> {
        self.ac.ok_or_else(|| NO_TABLE.into())
    }
}

/// Which digits of which coefficients a scan brings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spectrum {
    pub(super) start: usize,
    pub(super) end: usize,
    /// The lowest binary digit brought.
    pub(super) low: u8,
    /// Whether these are the first digits of the coefficients, or one more of each.
    pub(super) first: bool,
    pub(super) progressive: bool,
}

impl Spectrum {
    /// Reads the end of a scan header.
    fn read([start, end, approximation]: [u8; 3], frame: &Frame, members: usize) -> Result<Self> {
        if !frame.progressive {
            return Ok(Self { start: 0, end: BLOCK - 1, low: 0, first: true, progressive: false });
        }
        let (start, end) = (usize::from(start), usize::from(end));
        let (high, low) = (approximation >> 4, approximation & 15);
        let band = if start == 0 { end == 0 } else { start <= end && end < BLOCK && members == 1 };
        if band && low < 14 && (high == 0 || high == low + 1) {
            Ok(Self { start, end, low, first: high == 0, progressive: true })
        } else {
            damaged(BROKEN)
        }
    }

    /// Whether the scan only adds digits to means, for which lost data are as good as zeros.
    fn refines_means(self) -> bool {
        self.progressive && self.start == 0 && !self.first
    }
}

/// Decodes blocks of coefficients.
pub(super) trait Coder {
    /// Whether the data of this stretch have run out.
    fn is_dry(&self) -> bool;

    /// Adds what the scan says about the next block to `block`.
    fn block(
        &mut self,
        member: &mut Member<'_>,
        block: &mut [i16],
        spectrum: Spectrum,
        source: &mut Source<'_>,
    ) -> Result<()>;

    /// Begins anew after a restart marker.
    fn restart(&mut self, members: &mut [Member<'_>], spectrum: Spectrum, source: &mut Source<'_>) -> Result<()>;
}

/// Decodes the scan with the header `segment`, whose data come next, into the frame's coefficients.
pub(super) fn decode(tables: &mut Tables, segment: &[u8], source: &mut Source<'_>) -> Result<()> {
    let mut frame = tables.frame.take().ok_or("a scan comes before the frame header")?;
    let result = decode_into(&mut frame, tables, segment, source);
    tables.frame = Some(frame);
    result
}

fn decode_into(frame: &mut Frame, tables: &Tables, segment: &[u8], source: &mut Source<'_>) -> Result<()> {
    let (&count, rest) = segment.split_first().ok_or(BROKEN)?;
    let Some((selectors, &[start, end, approximation])) = rest.split_last_chunk::<3>() else {
        return damaged(BROKEN);
    };
    if !(1..=4).contains(&count) || selectors.len() != 2 * usize::from(count) {
        return damaged(BROKEN);
    }
    let mut members = Vec::new();
    for selector in selectors.chunks_exact(2) {
        let index = frame.components.iter().position(|component| component.id == selector[0]).ok_or(BROKEN)?;
        if members.iter().any(|member: &Member<'_>| member.component == index) {
            return damaged(BROKEN);
        }
        let component = &mut frame.components[index];
        if component.quantization.is_none() {
            let table = tables.quantization.get(component.quantization_table).copied().flatten();
            component.quantization = Some(table.ok_or("a quantisation table is missing")?);
            component.coefficients = vec![0; component.stored[0] * component.stored[1] * BLOCK];
        }
        let statistics = [selector[1] >> 4, selector[1] & 15].map(usize::from);
        members.push(Member {
            component: index,
            dc: tables.dc.get(statistics[0]).and_then(Option::as_ref),
            ac: tables.ac.get(statistics[1]).and_then(Option::as_ref),
            statistics,
            predicted: 0,
            context: 0,
        });
    }
    let spectrum = Spectrum::read([start, end, approximation], frame, members.len())?;
    source.begin_scan();
    frame.scans += 1;
    if frame.progressive {
        for member in &members {
            let scans = frame.scans;
            frame.components[member.component].progress.scan(spectrum, scans);
        }
    }
    let interval = tables.restart_interval;
    if frame.arithmetic {
        frame.decode_scan(&mut members, spectrum, interval, &mut Arithmetic::new(&tables.conditioning), source)
    } else {
        // What a scan needs must be there even if all its data are lost.
        for member in &members {
            if spectrum.start == 0 && spectrum.first {
                member.dc()?;
            }
            if !spectrum.progressive || spectrum.start > 0 {
                member.ac()?;
            }
        }
        frame.decode_scan(&mut members, spectrum, interval, &mut Bits::default(), source)
    }
}

impl Frame {
    /// Decodes all blocks of a scan.
    fn decode_scan(
        &mut self,
        members: &mut [Member<'_>],
        spectrum: Spectrum,
        restart_interval: usize,
        coder: &mut impl Coder,
        source: &mut Source<'_>,
    ) -> Result<()> {
        let blocks = |member: &Member<'_>| self.components[member.component].sampling.iter().product::<usize>();
        let alone = members.len() == 1;
        if !alone && members.iter().map(blocks).sum::<usize>() > MAX_GROUP {
            return damaged("too many blocks come together");
        }
        let (units, rows_in_group) = match members {
            // A component alone comes block by block, without the blocks that fill up groups.
            [member] => {
                let component = &self.components[member.component];
                (component.blocks, component.sampling[1])
            }
            _ => (self.groups(), 1),
        };
        let mut until_restart = restart_interval;
        for y in 0..units[1] {
            for x in 0..units[0] {
                if !coder.is_dry() {
                    self.last_good_row = y / rows_in_group;
                }
                if restart_interval > 0 {
                    if until_restart == 0 {
                        coder.restart(members, spectrum, source)?;
                        until_restart = restart_interval;
                    }
                    until_restart -= 1;
                }
                if coder.is_dry() && !spectrum.refines_means() {
                    continue;
                }
                for member in members.iter_mut() {
                    let component = &mut self.components[member.component];
                    let [across, down] = if alone { [1, 1] } else { component.sampling };
                    for row in y * down..(y + 1) * down {
                        for column in x * across..(x + 1) * across {
                            let place = (row * component.stored[0] + column) * BLOCK;
                            let block = &mut component.coefficients[place..][..BLOCK];
                            coder.block(member, block, spectrum, source)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }
}
