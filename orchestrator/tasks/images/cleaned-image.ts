export interface PixelSize {
  readonly width: number;
  readonly height: number;
}

/** An image whose form was walked through, without what says where it was taken. */
export interface CleanedImage extends PixelSize {
  readonly bytes: Buffer;
}
