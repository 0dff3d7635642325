//! Colours as they are shown (sRGB values from 0 to 1), and the moods that pictures are painted in.

use crate::random::Random;

/// Red, green and blue from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Colour(pub f32, pub f32, pub f32);

impl Colour {
    /// No light.
    pub const BLACK: Self = Self(0.0, 0.0, 0.0);
    /// All light.
    pub const WHITE: Self = Self(1.0, 1.0, 1.0);

    /// From 0xRRGGBB.
    pub const fn hex(value: u32) -> Self {
        Self(
            ((value >> 16) & 0xff) as f32 / 255.0,
            ((value >> 8) & 0xff) as f32 / 255.0,
            (value & 0xff) as f32 / 255.0,
        )
    }

    /// This colour with `share` of another.
    pub fn mix(self, other: Self, share: f32) -> Self {
        let keep = 1.0 - share;
        Self(
            self.0 * keep + other.0 * share,
            self.1 * keep + other.1 * share,
            self.2 * keep + other.2 * share,
        )
    }

    /// Light added without ever burning out.
    pub fn screen(self, light: Self, strength: f32) -> Self {
        let one = |a: f32, b: f32| a + (1.0 - a).max(0.0) * b * strength;
        Self(one(self.0, light.0), one(self.1, light.1), one(self.2, light.2))
    }

    /// Brighter (above 1) or darker.
    pub fn scale(self, factor: f32) -> Self {
        Self(self.0 * factor, self.1 * factor, self.2 * factor)
    }

    /// The colour at a place along stops that rise from 0 to 1.
    pub fn along(stops: &[(f32, Self)], place: f32) -> Self {
        let mut last = stops.first().copied().unwrap_or((0.0, Self::BLACK));
        for stop in stops {
            if place < stop.0 {
                let t = ((place - last.0) / (stop.0 - last.0).max(1e-6)).clamp(0.0, 1.0);
                return last.1.mix(stop.1, t * t * (3.0 - 2.0 * t));
            }
            last = *stop;
        }
        last.1
    }

    /// Turned around the grey axis by an angle, a small one changing the mood and not the meaning.
    pub fn turn(self, angle: f32) -> Self {
        let (sin, cos) = angle.sin_cos();
        let third = (1.0 - cos) / 3.0;
        let root = (1.0_f32 / 3.0).sqrt() * sin;
        let (a, b, c) = (cos + third, third - root, third + root);
        let fix = |value: f32| value.clamp(0.0, 1.0);
        Self(
            fix(self.0 * a + self.1 * b + self.2 * c),
            fix(self.0 * c + self.1 * a + self.2 * b),
            fix(self.0 * b + self.1 * c + self.2 * a),
        )
    }
}

/// The time of day, which is the light of a landscape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hour {
    Dawn,
    Day,
    Golden,
    Dusk,
    Night,
    Mist,
}

/// The colours of one landscape.
#[derive(Debug, Clone, Copy)]
pub(super) struct Palette {
    pub hour: Hour,
    /// The sky from the top to the horizon.
    pub sky: [Colour; 4],
    /// Sun or moon, and the light that it throws.
    pub light: Colour,
    /// What is far away.
    pub far: Colour,
    pub near: Colour,
    /// Small things that stand out: lit windows, flowers, sails.
    pub accent: Colour,
}

impl Palette {
    /// The colours of an hour, one of two sets, turned a little, by chance.
    pub fn new(hour: Hour, random: &mut Random) -> Self {
        let sets: [[u32; 8]; 2] = match hour {
            Hour::Dawn => [
                [0x3a4a86, 0x8a78b4, 0xf0a7a0, 0xffdcae, 0xfff0cf, 0xc99bb0, 0x2a2148, 0xffb26b],
                [0x2f5d8c, 0x6fa3c4, 0xf3c6b0, 0xffe9c4, 0xfff6dc, 0x9fb3c8, 0x1d2f4a, 0xff8f6b],
            ],
            Hour::Day => [
                [0x2f7fd0, 0x5fa8e6, 0xa9d6f5, 0xe8f6fb, 0xfffbe8, 0xa8cbd8, 0x1f4a3a, 0xff6f59],
                [0x1f8fb8, 0x5cc0d4, 0xb0e6e3, 0xf2fbef, 0xfffdf0, 0x9ed0c8, 0x1d4b57, 0xffc145],
            ],
            Hour::Golden => [
                [0x4b3f72, 0xb0577f, 0xf58b54, 0xffd27a, 0xfff1b8, 0xd98a63, 0x2b1631, 0xffe08a],
                [0x1e3f5c, 0x6b6f8f, 0xe79a5e, 0xffcf87, 0xfff3cd, 0xc98d5b, 0x261a24, 0xff6b4a],
            ],
            Hour::Dusk => [
                [0x161a42, 0x4a2f73, 0xb24a86, 0xff9a7a, 0xffd0a8, 0x8a4d86, 0x120b26, 0xffc86b],
                [0x0f2447, 0x2c4f7c, 0x7c6fa6, 0xf0a894, 0xffdcc0, 0x5e6698, 0x0b1226, 0x7af0e0],
            ],
            Hour::Night => [
                [0x050a1f, 0x0d1b40, 0x1c3566, 0x3d5f92, 0xeaf2ff, 0x2b4a78, 0x03060f, 0xffd98a],
                [0x0a0920, 0x1b1745, 0x352c6e, 0x5d5597, 0xfff4dc, 0x443b7c, 0x060414, 0x8af5d0],
            ],
            Hour::Mist => [
                [0x8fa7b5, 0xb4c5cb, 0xd8dfdc, 0xf1eee2, 0xfffdf2, 0xc3cecf, 0x24383f, 0xd9744f],
                [0x9d98b3, 0xc2b6c6, 0xe4d5d3, 0xf7ebdf, 0xfff8ec, 0xcfc0c8, 0x352c45, 0xe08a5e],
            ],
        };
        let turn = random.between(-0.16, 0.16);
        let set = random.pick(&sets).map(|value| Colour::hex(value).turn(turn));
        Self {
            hour,
            sky: [set[0], set[1], set[2], set[3]],
            light: set[4],
            far: set[5],
            near: set[6],
            accent: set[7],
        }
    }

    /// The colour of a layer, from 0 (far) to 1 (near).
    pub fn layer(&self, nearness: f32) -> Colour {
        self.far.mix(self.near, nearness)
    }

    /// Whether stars are out.
    pub fn is_dark(&self) -> bool {
        matches!(self.hour, Hour::Night | Hour::Dusk)
    }
}
