//! Numbers in a safetensors file: eight bytes with the length of a JSON header, the header, the numbers.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use ndarray::{Array1, Array2};
use serde::Deserialize;

const MAX_HEADER: u64 = 16 * 1024 * 1024;

pub struct Weights {
    file: File,
    tensors: HashMap<String, serde_json::Value>,
    /// Where the numbers begin.
    start: u64,
}

#[derive(Deserialize)]
struct Tensor {
    dtype: String,
    shape: Vec<usize>,
    /// From `start`, the end not included.
    data_offsets: (u64, u64),
}

impl Weights {
    pub fn open(path: &Path) -> Result<Self, String> {
        let mut file = File::open(path).map_err(|error| error.to_string())?;
        let mut length = [0; 8];
        let mut header = Vec::new();
        let read = file.read_exact(&mut length).and_then(|()| {
            let length = u64::from_le_bytes(length).min(MAX_HEADER);
            (&mut file).take(length).read_to_end(&mut header)
        });
        read.map_err(|error| format!("{} is cut short: {error}", path.display()))?;
        let tensors = serde_json::from_slice(&header)
            .map_err(|error| format!("{} is no safetensors file: {error}", path.display()))?;
        Ok(Self {
            file,
            tensors,
            start: 8 + header.len() as u64,
        })
    }

    pub fn vector(&mut self, name: &str, length: usize) -> Result<Array1<f32>, String> {
        self.read(name, &[length]).map(Array1::from_vec)
    }

    pub fn matrix(
        &mut self,
        name: &str,
        rows: usize,
        columns: usize,
    ) -> Result<Array2<f32>, String> {
        let numbers = self.read(name, &[rows, columns])?;
        Array2::from_shape_vec((rows, columns), numbers).map_err(|error| error.to_string())
    }

    fn read(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
        let tensor = self.tensors.get(name).cloned();
        let tensor = tensor.ok_or_else(|| format!("{name} is missing"))?;
        let tensor: Tensor =
            serde_json::from_value(tensor).map_err(|error| format!("{name}: {error}"))?;
        if tensor.dtype != "F32" || tensor.shape != shape {
            return Err(format!(
                "{name} is {} of {:?} instead of F32 of {shape:?}",
                tensor.dtype, tensor.shape
            ));
        }
        let length = 4 * shape.iter().product::<usize>();
        let (begin, end) = tensor.data_offsets;
        if end.checked_sub(begin) != Some(length as u64) {
            return Err(format!("{name} lies from {begin} to {end}"));
        }
        let place = self.start.checked_add(begin);
        let place = place.ok_or_else(|| format!("{name} lies from {begin}"))?;
        // Not more than is there, whatever the header says.
        let mut bytes = Vec::new();
        self.file
            .seek(SeekFrom::Start(place))
            .and_then(|_| (&mut self.file).take(length as u64).read_to_end(&mut bytes))
            .map_err(|error| format!("{name}: {error}"))?;
        let (numbers, _) = bytes.as_chunks::<4>();
        if bytes.len() != length {
            return Err(format!("{name} is cut short"));
        }
        Ok(numbers.iter().map(|x| f32::from_le_bytes(*x)).collect())
    }
}
