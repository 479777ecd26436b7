import type { Rng } from '@unidiag/core/random'
import { UMAP } from 'umap-js'
import { type Matrix, rowsOf } from './matrix.js'

export interface UmapOptions {
  readonly dimensions: number
  readonly neighbors: number
  /** How near points may come in the map. */
  readonly minDist: number
  readonly rng: Rng
}

/** Uniform manifold approximation and projection (McInnes et al., 2018), by umap-js. The same points and random numbers give the same map. */
export function umap(points: Matrix, { dimensions, neighbors, minDist, rng }: UmapOptions): Matrix {
  const rows = rowsOf(points).map((row) => [...row])
  const map = new UMAP({ nComponents: dimensions, nNeighbors: neighbors, minDist, random: () => rng.uniform() }).fit(rows)
  return { width: dimensions, data: Float32Array.from(map.flat()) }
}
