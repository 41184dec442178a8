// Placeholder so that the package resolves; replaced by the target's first file.
