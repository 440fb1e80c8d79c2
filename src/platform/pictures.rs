//! Pictures that came from anybody: decoded within bounds, made smaller, written as JPEG.

use std::path::Path;

use image::{
    DynamicImage, ImageDecoder as _, ImageReader, Limits, RgbImage, RgbaImage,
    codecs::jpeg::JpegEncoder, imageops::FilterType, metadata::Orientation,
};

/// Pixels of a side, at most.
const WIDEST: u32 = 16_384;
/// Bytes that a decoded picture may take: one of 50 million pixels takes 150 MB.
const MEMORY: u64 = 256 * 1024 * 1024;
const QUALITY: u8 = 80;

pub struct Picture {
    image: DynamicImage,
    pub mime_type: &'static str,
}

impl Picture {
    /// JPEG, PNG, GIF (its first frame) and WebP, the right way up. None: it is no such file, or too large. Blocks.
    pub fn read(path: &Path) -> Option<Self> {
        let mut reader = ImageReader::open(path).ok()?.with_guessed_format().ok()?;
        let mime_type = reader.format()?.to_mime_type();
        let mut limits = Limits::default();
        limits.max_image_width = Some(WIDEST);
        limits.max_image_height = Some(WIDEST);
        limits.max_alloc = Some(MEMORY);
        reader.limits(limits);
        let mut decoder = reader.into_decoder().ok()?;
        if decoder.total_bytes() > MEMORY {
            return None;
        }
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let mut image = DynamicImage::from_decoder(decoder).ok()?;
        image.apply_orientation(orientation);
        Some(Self { image, mime_type })
    }

    /// A square of so many pixels a side, cut from the middle, as JPEG.
    pub fn square(&self, side: u32) -> Option<Vec<u8>> {
        jpeg(self.image.resize_to_fill(side, side, FilterType::Triangle))
    }

    /// The whole, no side of which has more than so many pixels, as JPEG.
    pub fn within(&self, side: u32) -> Option<Vec<u8>> {
        if self.image.width() <= side && self.image.height() <= side {
            return jpeg(self.image.clone());
        }
        jpeg(self.image.resize(side, side, FilterType::Triangle))
    }
}

fn jpeg(image: DynamicImage) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, QUALITY)
        .encode_image(&opaque(image))
        .ok()?;
    Some(bytes)
}

/// What can be seen through is white.
fn opaque(image: DynamicImage) -> RgbImage {
    if !image.color().has_alpha() {
        return image.into_rgb8();
    }
    let image: RgbaImage = image.into_rgba8();
    let mut whole = RgbImage::new(image.width(), image.height());
    for (from, to) in image.pixels().zip(whole.pixels_mut()) {
        let alpha = u32::from(from[3]);
        for channel in 0..3 {
            let mixed = u32::from(from[channel]) * alpha + 255 * (255 - alpha);
            to[channel] = u8::try_from(mixed / 255).unwrap_or(u8::MAX);
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use image::{ImageFormat, Rgb, Rgba};

    use super::*;

    fn written(
        name: &str,
        image: &DynamicImage,
        format: ImageFormat,
    ) -> (tempfile::TempDir, Picture) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        image.save_with_format(&path, format).unwrap();
        let picture = Picture::read(&path).unwrap();
        (folder, picture)
    }

    #[test]
    fn pictures_of_every_kind_become_small_jpegs() {
        let wide = DynamicImage::ImageRgb8(RgbImage::from_pixel(400, 200, Rgb([200, 20, 20])));
        // Under a name that says something else.
        let (_folder, picture) = written("a.txt", &wide, ImageFormat::Png);
        assert_eq!(picture.mime_type, "image/png");
        let square = image::load_from_memory(&picture.square(128).unwrap()).unwrap();
        assert_eq!((square.width(), square.height()), (128, 128));
        let whole = image::load_from_memory(&picture.within(100).unwrap()).unwrap();
        assert_eq!((whole.width(), whole.height()), (100, 50));
        let same = image::load_from_memory(&picture.within(1000).unwrap()).unwrap();
        assert_eq!((same.width(), same.height()), (400, 200));
        for (format, kind) in [
            (ImageFormat::Jpeg, "image/jpeg"),
            (ImageFormat::Gif, "image/gif"),
            (ImageFormat::WebP, "image/webp"),
        ] {
            let (_folder, picture) = written("b", &wide, format);
            assert_eq!(picture.mime_type, kind);
            assert!(
                picture
                    .square(128)
                    .unwrap()
                    .starts_with(&[0xff, 0xd8, 0xff])
            );
        }
    }

    #[test]
    fn what_can_be_seen_through_is_white() {
        let clear = DynamicImage::ImageRgba8(RgbaImage::from_pixel(8, 8, Rgba([0, 0, 0, 0])));
        let (_folder, picture) = written("c.png", &clear, ImageFormat::Png);
        let square = image::load_from_memory(&picture.square(8).unwrap()).unwrap();
        assert!(square.into_rgb8().get_pixel(4, 4)[0] > 250);
    }

    #[test]
    fn what_is_no_picture_or_claims_to_be_huge_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d");
        let read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            Picture::read(&path).is_some()
        };
        assert!(!read(b""));
        assert!(!read(b"no picture"));
        let small = DynamicImage::ImageRgb8(RgbImage::new(2, 2));
        let mut png = Vec::new();
        small
            .write_to(&mut std::io::Cursor::new(&mut png), ImageFormat::Png)
            .unwrap();
        assert!(read(&png));
        assert!(!read(&png[..40]));
        // Its head says 60,000 × 60,000.
        let mut gif = Vec::new();
        small
            .write_to(&mut std::io::Cursor::new(&mut gif), ImageFormat::Gif)
            .unwrap();
        gif[6..10].copy_from_slice(&[0x60, 0xea, 0x60, 0xea]);
        assert!(!read(&gif));
        assert!(Picture::read(&folder.path().join("nowhere")).is_none());
    }
}
