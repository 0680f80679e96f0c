/* What the three cells share: products in register tiles, the readout, memory that is kept between calls. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef double lanes __attribute__((vector_size(64), aligned(8)));
#define ROWS 8          /* of a tile: 8 × 16 sums stay in registers of 64 bytes */
#define KEPT_ROWS 256   /* of δ's that a weight's gradient gathers in one product */
#define INLINE static inline __attribute__((always_inline))

static double *arena;
static long arena_size;

/* Make room for `size` doubles; a caller takes its arrays from there one after the other. */
static double *room(long size) {
    if (size > arena_size) {
        free(arena);
        arena = malloc(sizeof(double) * size);
        arena_size = arena ? size : 0;
    }
    return arena;
}

static double *take(double **place, long size) {
    double *found = *place;
    *place += size;
    return found;
}

/* `rows` rows of C += A B. Entry (r, k) of A is A[r a_row + k a_col]; B and C are rows of length n, c_row apart in C. */
INLINE void tile(const int rows, long inner, long n, const double *A, long a_row, long a_col, const double *B,
                 double *C, long c_row) {
    long j = 0;
    for (; j + 16 <= n; j += 16) {
        lanes sums[ROWS][2];
        for (int r = 0; r < rows; r++)
            for (int v = 0; v < 2; v++) sums[r][v] = *(const lanes *)(C + r * c_row + j + 8 * v);
        for (long k = 0; k < inner; k++) {
            const lanes b0 = *(const lanes *)(B + k * n + j), b1 = *(const lanes *)(B + k * n + j + 8);
            for (int r = 0; r < rows; r++) {
                sums[r][0] += A[r * a_row + k * a_col] * b0;
                sums[r][1] += A[r * a_row + k * a_col] * b1;
            }
        }
        for (int r = 0; r < rows; r++)
            for (int v = 0; v < 2; v++) *(lanes *)(C + r * c_row + j + 8 * v) = sums[r][v];
    }
    for (; j + 8 <= n; j += 8) {
        lanes sums[ROWS];
        for (int r = 0; r < rows; r++) sums[r] = *(const lanes *)(C + r * c_row + j);
        for (long k = 0; k < inner; k++) {
            const lanes b = *(const lanes *)(B + k * n + j);
            for (int r = 0; r < rows; r++) sums[r] += A[r * a_row + k * a_col] * b;
        }
        for (int r = 0; r < rows; r++) *(lanes *)(C + r * c_row + j) = sums[r];
    }
    for (; j < n; j++) {
        double sums[ROWS];
        for (int r = 0; r < rows; r++) sums[r] = C[r * c_row + j];
        for (long k = 0; k < inner; k++)
            for (int r = 0; r < rows; r++) sums[r] += A[r * a_row + k * a_col] * B[k * n + j];
        for (int r = 0; r < rows; r++) C[r * c_row + j] = sums[r];
    }
}

/* C (m × n) += A (m × inner) B (inner × n), A by its strides. */
static void multiply(long m, long inner, long n, const double *A, long a_row, long a_col, const double *B, double *C) {
    long i = 0;
    for (; i + ROWS <= m; i += ROWS) tile(ROWS, inner, n, A + i * a_row, a_row, a_col, B, C + i * n, n);
    for (; i + 2 <= m; i += 2) tile(2, inner, n, A + i * a_row, a_row, a_col, B, C + i * n, n);
    for (; i < m; i++) tile(1, inner, n, A + i * a_row, a_row, a_col, B, C + i * n, n);
}

/* C (m × n) += Aᵀ B, A and B having `rows` rows. */
static void gather(long rows, long m, long n, const double *A, const double *B, double *C) {
    multiply(m, rows, n, A, 1, m, B, C);
}

static void transpose(long rows, long columns, const double *A, double *B) {
    for (long i = 0; i < rows; i++)
        for (long j = 0; j < columns; j++) B[j * rows + i] = A[i * columns + j];
}

/* Inputs (batch, T, d) with time in front; those of one sequence are so already. */
static const double *by_time(long batch, long steps, long d, const double *x, double *place) {
    if (batch == 1) return x;
    for (long b = 0; b < batch; b++)
        for (long t = 0; t < steps; t++) memcpy(place + (t * batch + b) * d, x + (b * steps + t) * d, sizeof(double) * d);
    return place;
}

/* Weights side by side: columns [at, at + n) of the rows of `whole`. */
static void beside(long rows, long n, long width, const double *part, double *whole) {
    for (long i = 0; i < rows; i++) memcpy(whole + i * width, part + i * n, sizeof(double) * n);
}

static void apart(long rows, long n, long width, const double *whole, double *part) {
    for (long i = 0; i < rows; i++) memcpy(part + i * n, whole + i * width, sizeof(double) * n);
}

static void fill_rows(long rows, long n, const double *row, double *place) {
    for (long i = 0; i < rows; i++) memcpy(place + i * n, row, sizeof(double) * n);
}

static void add_rows(long rows, long n, const double *from, double *sum) {
    for (long i = 0; i < rows; i++)
        for (long j = 0; j < n; j++) sum[j] += from[i * n + j];
}

INLINE double sigmoid(double a) { return 1.0 / (1.0 + exp(-a)); }

/* ŷ = σ(h W + b), one output: the mean cross-entropy, ∂L/∂h, and the readout's gradients. */
static double read_out(long batch, long n, const double *W, const double *b, const double *h, const double *y,
                       double *dh, double *dW, double *db) {
    double loss = 0.0;
    for (long i = 0; i < batch; i++) {
        double z = *b;
        for (long j = 0; j < n; j++) z += h[i * n + j] * W[j];
        loss += fmax(z, 0.0) - y[i] * z + log1p(exp(-fabs(z)));
        const double dz = (sigmoid(z) - y[i]) / batch;
        for (long j = 0; j < n; j++) {
            dh[i * n + j] = dz * W[j];
            dW[j] += dz * h[i * n + j];
        }
        *db += dz;
    }
    return loss / batch;
}

/* Steps whose δ's are gathered at once. */
static long block_of(long batch) { return batch >= KEPT_ROWS ? 1 : KEPT_ROWS / batch; }
