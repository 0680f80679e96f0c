/* o_t = tanh(x_t W_i + o_{t−1} W_h + b): parameters W_i, W_h, b, W_o, b_o; g holds their gradients in this order. */
#include "kernels.h"

double gradient(long batch, long steps, long d, long n, const double *const *p, const double *inputs, const double *y,
                double *g) {
    const double *W_i = p[0], *W_h = p[1], *b = p[2];
    const long row = batch * n, block = block_of(batch);
    double *place = room((steps + 1) * row + batch * steps * d + n * n + (block + 1) * row);
    if (!place) return NAN;
    double *h = take(&place, (steps + 1) * row), *back = take(&place, n * n), *dh = take(&place, row);
    double *da = take(&place, block * row);
    const double *x = by_time(batch, steps, d, inputs, place);
    double *dW_i = g, *dW_h = dW_i + d * n, *db = dW_h + n * n, *dW_o = db + n, *db_o = dW_o + n;

    memset(g, 0, sizeof(double) * (d * n + n * n + n + n + 1));
    memset(h, 0, sizeof(double) * row);
    transpose(n, n, W_h, back);
    for (long t = 0; t < steps; t++) {
        double *o = h + (t + 1) * row;
        fill_rows(batch, n, b, o);
        multiply(batch, d, n, x + t * batch * d, d, 1, W_i, o);
        multiply(batch, n, n, h + t * row, n, 1, W_h, o);
        for (long i = 0; i < row; i++) o[i] = tanh(o[i]);
    }
    const double loss = read_out(batch, n, p[3], p[4], h + steps * row, y, dh, dW_o, db_o);
    for (long end = steps; end > 0; end -= block) {
        const long first = end > block ? end - block : 0, rows = (end - first) * batch;
        for (long t = end - 1; t >= first; t--) {
            const double *o = h + (t + 1) * row;
            double *a = da + (t - first) * row;
            for (long i = 0; i < row; i++) a[i] = dh[i] * (1.0 - o[i] * o[i]);
            memset(dh, 0, sizeof(double) * row);
            multiply(batch, n, n, a, n, 1, back, dh);
        }
        gather(rows, d, n, x + first * batch * d, da, dW_i);
        gather(rows, n, n, h + first * row, da, dW_h);
        add_rows(rows, n, da, db);
    }
    return loss;
}
