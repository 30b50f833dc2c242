"""Charts as geometry: figures in, shapes in pixels out. One template draws them all."""
