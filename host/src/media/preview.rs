//! JPEG previews of images, within bounds of pixels and bytes.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageReader, Limits, Rgb, RgbImage};
use sambung_runtime::background;

use super::incoming::Claim;
use super::quota::Owner;
use super::store::{Media, MediaError};
use crate::db::MediaRow;
use crate::keys::MediaId;

/// Longest edge of an image that is decoded.
const MOST_EDGE: u32 = 20_000;
/// Longest edge of a preview.
const MOST_PREVIEW: u32 = 4_096;
/// Bytes that decoding may take.
const MOST_MEMORY: u64 = 256 << 20;
/// How long a preview waits for its turn.
const PATIENCE: Duration = Duration::from_secs(20);
/// Qualities tried before the picture is made smaller.
const QUALITIES: [u8; 4] = [85, 70, 55, 40];

impl Media {
    /// Makes and keeps a JPEG of an image, its longer edge at most `max_edge` pixels and at most `max_bytes` bytes. `None`
    /// where the file is no image that can be read, or the bounds cannot be met.
    ///
    /// # Errors
    /// There is no such file, or the preview cannot be kept.
    pub async fn preview(
        &self,
        workspace: &str,
        id: &str,
        max_edge: u32,
        max_bytes: u64,
    ) -> Result<Option<MediaRow>, MediaError> {
        let row = self.0.db.media_of(workspace, MediaId::of(id)).await?.ok_or(MediaError::NotFound)?;
        let digest = row.digest.as_deref().filter(|_| row.state == "stored").ok_or(MediaError::NotFound)?;
        let path = self.path(digest);
        let jpeg = {
            let _turn = self.0.decoding.take(workspace, "", PATIENCE).await.ok_or(MediaError::Busy)?;
            background::spawn(move || jpeg_within(&path, max_edge, max_bytes)).await.map_err(std::io::Error::other)?
        };
        let Some(jpeg) = jpeg else { return Ok(None) };
        let mut incoming = self.begin(Owner::workspace(workspace)).await?;
        incoming.write(&Bytes::from(jpeg)).await?;
        let claim = Claim { mime: Some("image/jpeg".to_owned()), name: None, kind: Some("image".to_owned()) };
        incoming.finish(claim).await.map(Some)
    }
}

fn jpeg_within(path: &Path, max_edge: u32, max_bytes: u64) -> Option<Vec<u8>> {
    let mut reader = ImageReader::new(BufReader::new(File::open(path).ok()?)).with_guessed_format().ok()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MOST_EDGE);
    limits.max_image_height = Some(MOST_EDGE);
    limits.max_alloc = Some(MOST_MEMORY);
    reader.limits(limits);
    let whole = reader.decode().ok()?;
    // The first try of each size encodes all of it, several times.
    let whole = match whole.width().max(whole.height()) > MOST_PREVIEW {
        true => whole.thumbnail(MOST_PREVIEW, MOST_PREVIEW),
        false => whole,
    };
    let mut edge = max_edge.min(whole.width().max(whole.height()));
    while edge > 0 {
        let small = if edge < whole.width().max(whole.height()) { whole.thumbnail(edge, edge) } else { whole.clone() };
        let flat = on_white(&small);
        for quality in QUALITIES {
            let mut jpeg = Vec::new();
            JpegEncoder::new_with_quality(&mut jpeg, quality).encode_image(&flat).ok()?;
            if jpeg.len() as u64 <= max_bytes {
                return Some(jpeg);
            }
        }
        edge = edge * 3 / 4;
    }
    None
}

/// A JPEG has no transparency; what shines through is white.
fn on_white(image: &DynamicImage) -> RgbImage {
    if !image.color().has_alpha() {
        return image.to_rgb8();
    }
    let rgba = image.to_rgba8();
    RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
        let [red, green, blue, alpha] = rgba.get_pixel(x, y).0;
        let blend = |value: u8| {
            let (value, alpha) = (u32::from(value), u32::from(alpha));
            ((value * alpha + 255 * (255 - alpha)) / 255) as u8
        };
        Rgb([blend(red), blend(green), blend(blue)])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32) -> tempfile::NamedTempFile {
        let noise = RgbImage::from_fn(width, height, |x, y| {
            let value = x.wrapping_mul(7919).wrapping_add(y.wrapping_mul(104_729));
            Rgb([value as u8, (value >> 3) as u8, (value >> 5) as u8])
        });
        let file = tempfile::Builder::new().suffix(".png").tempfile().expect("a file");
        noise.save(file.path()).expect("written");
        file
    }

    #[test]
    fn a_preview_keeps_both_bounds() {
        let file = png(640, 320);
        let jpeg = jpeg_within(file.path(), 240, 1 << 20).expect("an image");
        let made = image::load_from_memory(&jpeg).expect("a JPEG");
        assert_eq!((made.width(), made.height()), (240, 120));
        let small = jpeg_within(file.path(), 240, 3_000).expect("an image");
        assert!(small.len() <= 3_000);
    }

    #[test]
    fn what_is_no_image_has_no_preview() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), b"%PDF-1.7").expect("written");
        assert_eq!(jpeg_within(file.path(), 240, 1 << 20), None);
        assert_eq!(jpeg_within(png(64, 64).path(), 64, 10), None, "no picture has ten bytes");
    }
}
