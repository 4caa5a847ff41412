//! Programs of the kernel's classic packet filter, with labels instead of jump offsets.
//!
//! A conditional jump holds 8 bits of offset. One that has farther to go becomes a jump around an unconditional one, which
//! holds 32 bits.

/// Instructions of a program at most: `BPF_MAXINSNS` of `linux/bpf_common.h`.
pub(super) const MAX_INSTRUCTIONS: usize = 4096;

/// Codes of `linux/filter.h`, put together from class, size and mode or from class, operation and source.
pub(super) mod code {
    pub(in crate::capture) const LD_W_ABS: u16 = 0x20;
    pub(in crate::capture) const LD_H_ABS: u16 = 0x28;
    pub(in crate::capture) const LD_W_IND: u16 = 0x40;
    pub(in crate::capture) const LD_H_IND: u16 = 0x48;
    pub(in crate::capture) const LD_B_IND: u16 = 0x50;
    pub(in crate::capture) const LD_LEN: u16 = 0x80;
    pub(in crate::capture) const LD_IMM: u16 = 0x00;
    pub(in crate::capture) const LD_MEM: u16 = 0x60;
    pub(in crate::capture) const LDX_IMM: u16 = 0x01;
    pub(in crate::capture) const LDX_MEM: u16 = 0x61;
    pub(in crate::capture) const ST: u16 = 0x02;
    pub(in crate::capture) const STX: u16 = 0x03;
    pub(in crate::capture) const ADD_K: u16 = 0x04;
    pub(in crate::capture) const ADD_X: u16 = 0x0c;
    pub(in crate::capture) const SUB_K: u16 = 0x14;
    pub(in crate::capture) const AND_K: u16 = 0x54;
    pub(in crate::capture) const LSH_K: u16 = 0x64;
    pub(in crate::capture) const TAX: u16 = 0x07;
    pub(in crate::capture) const TXA: u16 = 0x87;
    pub(in crate::capture) const JA: u16 = 0x05;
    pub(in crate::capture) const JEQ_K: u16 = 0x15;
    pub(in crate::capture) const JGT_K: u16 = 0x25;
    pub(in crate::capture) const JGE_K: u16 = 0x35;
    pub(in crate::capture) const JGE_X: u16 = 0x3d;
    pub(in crate::capture) const JSET_K: u16 = 0x45;
    pub(in crate::capture) const RET_K: u16 = 0x06;
}

/// One instruction, as the kernel has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instruction {
    /// What it does.
    pub(super) code: u16,
    /// Instructions to skip where a condition holds.
    pub(super) if_true: u8,
    /// Instructions to skip where it does not.
    pub(super) if_false: u8,
    /// Its number.
    pub(super) k: u32,
}

/// A place in a program that is still being written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Label(usize);

#[derive(Clone, Copy, Debug)]
enum Line {
    Plain { code: u16, k: u32 },
    Branch { code: u16, k: u32, when: bool, to: Label },
    Always { to: Label },
    Here(Label),
}

/// A program that is being written.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    lines: Vec<Line>,
    labels: usize,
    instructions: usize,
}

impl Assembler {
    /// A new label, which is put somewhere later.
    pub(super) fn label(&mut self) -> Label {
        self.labels += 1;
        Label(self.labels - 1)
    }

    /// Puts a label here.
    pub(super) fn here(&mut self, label: Label) {
        self.add(Line::Here(label));
    }

    /// An instruction that is no jump.
    pub(super) fn plain(&mut self, code: u16, k: u32) {
        self.add(Line::Plain { code, k });
    }

    /// Goes to `to` if the condition holds, and on with the next line if not.
    pub(super) fn branch_if(&mut self, code: u16, k: u32, to: Label) {
        self.add(Line::Branch { code, k, when: true, to });
    }

    /// Goes to `to` unless the condition holds.
    pub(super) fn branch_unless(&mut self, code: u16, k: u32, to: Label) {
        self.add(Line::Branch { code, k, when: false, to });
    }

    /// Goes to `to`.
    pub(super) fn jump(&mut self, to: Label) {
        self.add(Line::Always { to });
    }

    fn add(&mut self, line: Line) {
        self.instructions += usize::from(!matches!(line, Line::Here(_)));
        // What is too long already is counted and not kept, so that a long list costs no memory.
        if self.instructions <= MAX_INSTRUCTIONS {
            self.lines.push(line);
        }
    }

    /// The instructions, or how many there are at least where these are too many.
    pub(super) fn finish(self) -> Result<Vec<Instruction>, usize> {
        if self.instructions > MAX_INSTRUCTIONS {
            return Err(self.instructions);
        }
        let mut is_long = vec![false; self.lines.len()];
        loop {
            let (starts, places) = self.layout(&is_long);
            let length = starts.last().copied().unwrap_or(0);
            if length > MAX_INSTRUCTIONS {
                return Err(length);
            }
            let mut is_settled = true;
            for ((line, start), is_long) in self.lines.iter().zip(&starts).zip(&mut is_long) {
                if let Line::Branch { to, .. } = line
                    && !*is_long
                    && distance(&places, *to, start + 1) > u32::from(u8::MAX)
                {
                    *is_long = true;
                    is_settled = false;
                }
            }
            if is_settled {
                return Ok(self.encode(&is_long, &starts, &places));
            }
        }
    }

    /// Where each line starts (and the program ends), and where each label is.
    fn layout(&self, is_long: &[bool]) -> (Vec<usize>, Vec<usize>) {
        let mut places = vec![0; self.labels];
        let mut starts = Vec::with_capacity(self.lines.len() + 1);
        let mut at = 0;
        for (line, is_long) in self.lines.iter().zip(is_long) {
            starts.push(at);
            match line {
                Line::Here(label) => {
                    if let Some(place) = places.get_mut(label.0) {
                        *place = at;
                    }
                }
                Line::Branch { .. } if *is_long => at += 2,
                _ => at += 1,
            }
        }
        starts.push(at);
        (starts, places)
    }

    fn encode(&self, is_long: &[bool], starts: &[usize], places: &[usize]) -> Vec<Instruction> {
        let mut program = Vec::new();
        for ((line, start), is_long) in self.lines.iter().zip(starts).zip(is_long) {
            match *line {
                Line::Here(_) => {}
                Line::Plain { code, k } => program.push(Instruction { code, if_true: 0, if_false: 0, k }),
                Line::Always { to } => {
                    let k = distance(places, to, start + 1);
                    program.push(Instruction { code: code::JA, if_true: 0, if_false: 0, k });
                }
                Line::Branch { code, k, when, to } if *is_long => {
                    program.push(Instruction { code, if_true: (!when).into(), if_false: when.into(), k });
                    let k = distance(places, to, start + 2);
                    program.push(Instruction { code: code::JA, if_true: 0, if_false: 0, k });
                }
                Line::Branch { code, k, when, to } => {
                    // Not long: it fits.
                    let far = distance(places, to, start + 1) as u8;
                    let (if_true, if_false) = if when { (far, 0) } else { (0, far) };
                    program.push(Instruction { code, if_true, if_false, k });
                }
            }
        }
        program
    }
}

/// Instructions between `from` and a label, which always lies behind.
fn distance(places: &[usize], to: Label, from: usize) -> u32 {
    places.get(to.0).map_or(0, |place| place.saturating_sub(from)) as u32
}
